//! No altered byte survives, and no bytes at all make the verifier panic.

use std::collections::BTreeMap;

use clyra_evidence::zip::{self, EntryPath};
use clyra_verify::{Options, verify_bundle};
use proptest::prelude::*;

use crate::raw_zip::{RawEntry, raw_zip};
use crate::sample::Sample;

fn intact(zip: &[u8], trust: &[u8]) -> bool {
    let verification = verify_bundle(zip, trust, &Options::default());
    assert_eq!(verification.report().is_intact(), verification.verified().is_some());
    verification.report().is_intact()
}

fn sample() -> (Vec<u8>, Vec<u8>) {
    let mut sample = Sample::new();
    let zip = sample.zip();
    assert!(intact(&zip, &sample.trust_bytes()));
    (zip, sample.trust_bytes())
}

#[test]
fn every_flipped_inserted_or_removed_byte_of_a_zip_is_refused() {
    let (zip, trust) = sample();
    for at in 0..zip.len() {
        // Every single bit through the zip reader, which must refuse them all; some of it through the whole verifier.
        for bits in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
            let mut flipped = zip.clone();
            flipped[at] ^= bits;
            assert!(zip::read(&flipped).is_err(), "byte {at} with bits {bits:#04x}");
        }
        let mut shorter = zip.clone();
        shorter.remove(at);
        assert!(zip::read(&shorter).is_err(), "byte {at} removed");
        let mut longer = zip.clone();
        longer.insert(at, zip[at]);
        assert!(zip::read(&longer).is_err(), "byte inserted at {at}");
        assert!(zip::read(&zip[..at]).is_err(), "cut at {at}");
        if at % 8 == 0 {
            let mut flipped = zip.clone();
            flipped[at] ^= 1;
            for altered in [&flipped, &shorter, &longer] {
                assert!(!intact(altered, &trust), "at {at}");
            }
        }
    }
    for byte in [0, b'P', 0xff] {
        assert!(!intact(&[&zip[..], &[byte]].concat(), &trust));
    }
}

/// The same inside the files, with a zip that is right again: what the zip's checksums hide in the test above.
#[test]
fn every_altered_byte_of_a_file_is_refused_in_a_zip_that_is_canonical_again() {
    let (bytes, trust) = sample();
    let files: BTreeMap<EntryPath, Vec<u8>> =
        zip::read(&bytes).unwrap().into_iter().map(|(path, bytes)| (path, bytes.to_vec())).collect();
    for (path, file) in &files {
        let refused = |altered: Vec<u8>, what: &str| {
            let mut files = files.clone();
            files.insert(path.clone(), altered);
            assert!(!intact(&zip::write(&files).unwrap(), &trust), "{path}: {what}");
        };
        for at in 0..file.len() {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << (at % 8);
            refused(flipped, &format!("byte {at} flipped"));
        }
        for at in (0..file.len()).step_by(61) {
            let mut shorter = file.clone();
            shorter.remove(at);
            refused(shorter, &format!("byte {at} removed"));
            let mut longer = file.clone();
            longer.insert(at, b' ');
            refused(longer, &format!("byte inserted at {at}"));
        }
        let mut without = files.clone();
        without.remove(path);
        assert!(!intact(&zip::write(&without).unwrap(), &trust), "{path} removed");
    }
}

#[test]
fn every_reordering_of_entries_is_refused() {
    let (bytes, trust) = sample();
    let entries: Vec<_> =
        zip::read(&bytes).unwrap().iter().map(|(path, bytes)| RawEntry::of(path.as_str(), bytes)).collect();
    assert_eq!(raw_zip(&entries), bytes, "the raw writer makes canonical zips of canonical entries");
    for a in 0..entries.len() {
        for b in a + 1..entries.len() {
            let mut swapped = entries.clone();
            swapped.swap(a, b);
            assert!(!intact(&raw_zip(&swapped), &trust), "entries {a} and {b}");
            let mut contents = entries.clone();
            let data = contents[a].data.clone();
            contents[a] = RawEntry::of(&entries[a].path, &entries[b].data);
            contents[b] = RawEntry::of(&entries[b].path, &data);
            assert!(!intact(&raw_zip(&contents), &trust), "contents of {a} and {b}");
        }
    }
}

/// A byte of a bundle's trust file decides what counts, so an altered one either means the same or refuses.
#[test]
fn an_altered_trust_file_never_passes_another_key() {
    let (zip, trust) = sample();
    let text = String::from_utf8(trust).unwrap();
    for (at, _) in text.match_indices(|c: char| c.is_ascii_hexdigit()).step_by(3) {
        let mut flipped = text.clone().into_bytes();
        flipped[at] ^= 1;
        let before = text[..at].rfind("\"keyid\"").max(text[..at].rfind("\"spki\""));
        let in_key = before.is_some_and(|start| !text[start..at].contains('\n'));
        assert!(!in_key || !intact(&zip, &flipped), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_an_intact_bundle_is_intact(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<Vec<u8>>()), 1..4)
    ) {
        let (original, trust) = sample();
        let mut bytes = original.clone();
        for (a, b, with) in cuts {
            if bytes.is_empty() {
                break;
            }
            let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
            bytes.splice(a.min(b)..a.max(b), with);
        }
        prop_assume!(bytes != original);
        prop_assert!(!intact(&bytes, &trust));
    }

    #[test]
    fn no_bytes_panic(zip in any::<Vec<u8>>(), trust in any::<Vec<u8>>()) {
        let (good_zip, good_trust) = sample();
        prop_assert!(!intact(&zip, &good_trust));
        prop_assert!(!intact(&good_zip, &trust));
    }

    #[test]
    fn no_file_panics(path in "[a-z]{1,8}(/[a-z]{1,8})?(\\.dsse)?\\.json", bytes in any::<Vec<u8>>()) {
        let mut sample = Sample::new();
        sample.files.insert(path.parse().unwrap(), bytes);
        let zip = sample.zip();
        let _ = intact(&zip, &sample.trust_bytes());
    }
}
