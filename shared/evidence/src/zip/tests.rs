//! The zip's promises: one encoding, nothing else is read, memory is bounded.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn files(of: &[(&str, &[u8])]) -> BTreeMap<EntryPath, Vec<u8>> {
    of.iter().map(|(path, bytes)| (path.parse().unwrap(), bytes.to_vec())).collect()
}

#[test]
fn every_changed_inserted_or_removed_byte_is_refused() {
    let original = write(&files(&[("a.json", b"{}"), ("b/c.txt", b"text"), ("empty", b"")])).unwrap();
    for at in 0..original.len() {
        for value in [original[at] ^ 1, original[at] ^ 0x80, 0, 0xff, b'P'] {
            let mut changed = original.clone();
            changed[at] = value;
            assert!(changed == original || read(&changed).is_err(), "byte {at} set to {value}");
        }
        let mut shorter = original.clone();
        shorter.remove(at);
        assert!(read(&shorter).is_err(), "byte {at} removed");
        let mut longer = original.clone();
        longer.insert(at, 0);
        assert!(read(&longer).is_err(), "byte inserted at {at}");
        assert!(read(&original[..at]).is_err(), "cut at {at}");
    }
    assert!(read(&[&original[..], b"\0"].concat()).is_err());
}

#[test]
fn paths_that_could_leave_a_folder_or_look_alike_are_refused() {
    for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "A", "a b", "a\\b", "ä", "a\0", &"a".repeat(201)] {
        assert_eq!(bad.parse::<EntryPath>(), Err(ParsePathError), "{bad:?}");
    }
    assert!("receipts/0a-1_b.json".parse::<EntryPath>().is_ok());
}

#[test]
fn limits_hold() {
    let many = (0..=ENTRIES_MAX).map(|n| (format!("{n}").parse().unwrap(), Vec::new())).collect();
    assert_eq!(write(&many), Err(WriteZipError::TooMany));
    // A header that claims more bytes than there are must not make the reader ask for them.
    let mut bomb = write(&files(&[("a", b"x")])).unwrap();
    bomb[18..22].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&bomb), Err(ZipError::Truncated));
}

proptest! {
    #[test]
    fn what_is_written_is_read(found in prop::collection::btree_map("[a-z0-9][a-z0-9._-]{0,20}", any::<Vec<u8>>(), 0..8)) {
        let found: BTreeMap<EntryPath, Vec<u8>> =
            found.into_iter().map(|(path, data)| (path.parse().unwrap(), data)).collect();
        let bytes = write(&found).unwrap();
        let again: BTreeMap<_, _> = read(&bytes).unwrap().into_iter().map(|(p, d)| (p, d.to_vec())).collect();
        prop_assert_eq!(again, found);
    }

    #[test]
    fn no_input_panics(bytes in any::<Vec<u8>>()) {
        let _ = read(&bytes);
        let _ = read(&[&LOCAL_SIGNATURE.to_le_bytes()[..], &bytes].concat());
    }
}
