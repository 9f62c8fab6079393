//! Zips that are not the one encoding of their files.

use clyra_verify::Code;

use super::{Case, refused};
use crate::raw_zip::{RawEntry, raw_zip};
use crate::sample::{InsecureKey, Sample};

/// The sample's entries in order, the manifest among them.
fn entries() -> Vec<RawEntry> {
    let mut sample = Sample::new();
    sample.list();
    let manifest = InsecureKey::verdict().seal(&sample.manifest_payload());
    let mut entries: Vec<_> = sample.files.iter().map(|(path, bytes)| RawEntry::of(path.as_str(), bytes)).collect();
    entries.push(RawEntry::of("manifest.dsse.json", &manifest));
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}

fn altered(alter: impl Fn(&mut Vec<RawEntry>)) -> Vec<u8> {
    let mut entries = entries();
    alter(&mut entries);
    raw_zip(&entries)
}

fn with_comment(mut zip: Vec<u8>) -> Vec<u8> {
    let at = zip.len() - 2;
    zip[at] = 4;
    zip.extend(b"note");
    zip
}

/// Bytes between the first entry and the second, with offsets that are right.
fn with_gap() -> Vec<u8> {
    let entries = entries();
    let gap = b"hidden";
    let first = 30 + entries[0].path.len() + entries[0].data.len();
    let mut zip = raw_zip(&entries);
    let directory: usize = entries.iter().map(|entry| 30 + entry.path.len() + entry.data.len()).sum();
    let mut at = directory;
    let shift = |zip: &mut Vec<u8>, at: usize| {
        let offset = u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) + u32::try_from(gap.len()).unwrap();
        zip[at..at + 4].copy_from_slice(&offset.to_le_bytes());
    };
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 {
            shift(&mut zip, at + 42);
        }
        at += 46 + entry.path.len();
    }
    shift(&mut zip, at + 16);
    zip.splice(first..first, gap.iter().copied());
    zip
}

/// A raw deflate stream of one stored block.
fn deflated(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), data].concat()
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, code, why, zip| refused(name, "zip_canonical", code, why, zip);
    let bomb = || RawEntry { method: 8, size: u32::MAX, ..RawEntry::of("zz", &deflated(b"boom")) };
    let renamed = |path: &str| altered(|entries| entries.push(RawEntry::of(path, b"x")));
    vec![
        case("zip_truncated_fail", Code::ZipNotCanonical, "The last byte is missing.", {
            let mut zip = altered(|_| {});
            zip.pop();
            zip
        }),
        case(
            "zip_prefix_fail",
            Code::ZipNotCanonical,
            "Bytes stand before the first entry, as in a self-extracting archive.",
            [b"#!/bin/sh\n", altered(|_| {}).as_slice()].concat(),
        ),
        case("zip_comment_fail", Code::ZipNotCanonical, "The archive has a comment.", with_comment(altered(|_| {}))),
        case(
            "zip_gap_fail",
            Code::ZipNotCanonical,
            "Bytes hide between two entries; all offsets are right.",
            with_gap(),
        ),
        case(
            "zip_extra_field_fail",
            Code::ZipNotCanonical,
            "An entry has an extra field.",
            altered(|entries| entries[0].extra = vec![0xfe, 0xca, 0, 0]),
        ),
        case(
            "zip_compressed_fail",
            Code::ZipNotCanonical,
            "An entry is deflated.",
            altered(|entries| {
                let (data, size) = (deflated(&entries[0].data), entries[0].size);
                entries[0] = RawEntry { method: 8, size, ..RawEntry::of(&entries[0].path, &data) };
            }),
        ),
        case(
            "zip_bomb_fail",
            Code::ZipNotCanonical,
            "An entry claims to inflate to 4 GiB.",
            altered(|entries| entries.push(bomb())),
        ),
        case(
            "zip_duplicate_name_fail",
            Code::ZipNotCanonical,
            "One path stands twice, with other bytes the second time: one reader takes the first, another the last.",
            altered(|entries| {
                let again = RawEntry::of(&entries[1].path, b"other");
                entries.insert(2, again);
            }),
        ),
        case(
            "zip_unsorted_fail",
            Code::ZipNotCanonical,
            "The entries are not in order of their paths.",
            altered(|entries| entries.swap(0, 1)),
        ),
        case("zip_traversal_fail", Code::ZipPath, "A path leads out of the folder.", {
            altered(|entries| entries.insert(0, RawEntry::of("../evil", b"x")))
        }),
        case("zip_absolute_path_fail", Code::ZipPath, "A path is absolute.", {
            altered(|entries| entries.insert(0, RawEntry::of("/etc/evil", b"x")))
        }),
        case("zip_backslash_path_fail", Code::ZipPath, "A path has backslashes.", renamed("z\\evil")),
    ]
}
