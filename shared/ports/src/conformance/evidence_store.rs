//! The contract of [`EvidenceWriter`] and [`EvidenceReader`].

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};

use super::{fresh_change, fresh_receipt, together};
use crate::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};

/// Large enough for every small object of the suites.
const SMALL_BYTES_MAX: usize = 1 << 20;
/// Writers that meet at one key.
const WRITERS: usize = 32;
/// The size of a large bundle: more than one part of a multipart upload.
const LARGE_BYTES: usize = 8 << 20;

/// What somebody with plain rights to the store's medium may try against an object. An adapter whose medium knows
/// versions implements it in its tests, outside the port, because the port has neither delete nor overwrite.
#[async_trait]
pub trait Attack: Debug + Send + Sync {
    /// Tries to remove the object. Being refused is as good as being without effect.
    async fn plain_delete(&self, key: &ObjectKey);

    /// Tries to put other bytes in the object's place. Being refused is as good as being without effect.
    async fn plain_overwrite(&self, key: &ObjectKey, bytes: Bytes);
}

/// Every rule of this file but [`the_original_survives_attacks`].
pub async fn all(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    what_was_never_written_is_absent(reader, seed).await;
    a_stored_object_is_read_and_listed_at_once(writer, reader, seed).await;
    a_taken_key_keeps_its_first_bytes(writer, reader, seed).await;
    exactly_one_of_many_writers_stores(writer, reader, seed).await;
    writers_of_different_keys_all_store(writer, reader, seed).await;
    an_empty_object_is_an_object(writer, reader, seed).await;
    a_large_object_is_kept_whole(writer, reader, seed).await;
    a_reader_is_told_when_an_object_is_too_large(writer, reader, seed).await;
    a_listing_is_in_order_of_the_text(writer, reader, seed).await;
    a_listing_can_be_read_in_pages(writer, reader, seed).await;
    a_listing_keeps_to_its_prefix(writer, reader, seed).await;
}

/// A key that nobody wrote has no object, and a family of keys that nobody wrote lists nothing.
pub async fn what_was_never_written_is_absent(reader: &dyn EvidenceReader, seed: &str) {
    let key = ObjectKey::Receipt(fresh_receipt(seed, "absent"));
    assert_eq!(reader.get(&key, SMALL_BYTES_MAX).await.expect("get"), None);
    let prefix = ObjectPrefix::BundlesOf(fresh_change(seed, "absent"));
    assert_eq!(reader.list(&prefix, None, 10).await.expect("list"), []);
}

/// `get` and `list` see what `put_new` confirmed.
pub async fn a_stored_object_is_read_and_listed_at_once(
    writer: &dyn EvidenceWriter,
    reader: &dyn EvidenceReader,
    seed: &str,
) {
    let change = fresh_change(seed, "read your writes");
    for n in 1..=5 {
        let (key, object) = (ObjectKey::Bundle(change, n), Bytes::from(format!("object {n}")));
        assert_eq!(writer.put_new(&key, object.clone()).await.expect("put"), Put::Stored);
        assert_eq!(reader.get(&key, SMALL_BYTES_MAX).await.expect("get"), Some(object));
        let listed = reader.list(&ObjectPrefix::BundlesOf(change), None, 10).await.expect("list");
        assert!(listed.contains(&key), "{key} was stored and is not listed");
    }
}

/// A second write under the key is `Taken`, with the same bytes or others, and changes nothing.
pub async fn a_taken_key_keeps_its_first_bytes(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let key = ObjectKey::Receipt(fresh_receipt(seed, "taken"));
    let first = Bytes::from_static(b"the first bytes");
    assert_eq!(writer.put_new(&key, first.clone()).await.expect("put"), Put::Stored);
    for later in [first.clone(), Bytes::from_static(b"other bytes, and more of them"), Bytes::new()] {
        assert_eq!(writer.put_new(&key, later).await.expect("put"), Put::Taken);
        assert_eq!(reader.get(&key, SMALL_BYTES_MAX).await.expect("get"), Some(first.clone()));
    }
}

/// Of many concurrent writers to one key exactly one is told `Stored`, and its bytes are the object.
pub async fn exactly_one_of_many_writers_stores(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let key = ObjectKey::Receipt(fresh_receipt(seed, "race"));
    let object = |n: usize| Bytes::from(format!("{n:02}").repeat(500));
    let answers = together((0..WRITERS).map(|n| writer.put_new(&key, object(n))).collect()).await;
    let stored: Vec<usize> = answers
        .iter()
        .enumerate()
        .filter(|(_, answer)| matches!(answer.as_ref().expect("put"), Put::Stored))
        .map(|(n, _)| n)
        .collect();
    let [winner] = stored.as_slice() else { panic!("one writer must be told Stored, not {stored:?}") };
    assert_eq!(reader.get(&key, SMALL_BYTES_MAX).await.expect("get"), Some(object(*winner)));
}

/// Concurrent writers of different keys do not stand in each other's way.
pub async fn writers_of_different_keys_all_store(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let key = |n: usize| ObjectKey::Receipt(fresh_receipt(seed, &format!("crowd {n}")));
    let object = |n: usize| Bytes::from(format!("object {n}"));
    let keys: Vec<ObjectKey> = (0..WRITERS).map(key).collect();
    let puts = keys.iter().enumerate().map(|(n, key)| writer.put_new(key, object(n))).collect();
    for answer in together(puts).await {
        assert_eq!(answer.expect("put"), Put::Stored);
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(reader.get(key, SMALL_BYTES_MAX).await.expect("get"), Some(object(n)));
    }
}

/// An object may have no bytes; it is there all the same.
pub async fn an_empty_object_is_an_object(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let key = ObjectKey::Receipt(fresh_receipt(seed, "empty"));
    assert_eq!(writer.put_new(&key, Bytes::new()).await.expect("put"), Put::Stored);
    assert_eq!(reader.get(&key, 0).await.expect("get"), Some(Bytes::new()));
    assert_eq!(writer.put_new(&key, Bytes::from_static(b"x")).await.expect("put"), Put::Taken);
}

/// An object of 8 MiB comes back as it was.
pub async fn a_large_object_is_kept_whole(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let key = ObjectKey::Bundle(fresh_change(seed, "large"), 1);
    let object: Bytes = (0..LARGE_BYTES).map(|n| (n % 251) as u8).collect();
    assert_eq!(writer.put_new(&key, object.clone()).await.expect("put"), Put::Stored);
    let read = reader.get(&key, LARGE_BYTES).await.expect("get");
    assert!(read.as_ref() == Some(&object), "the large object came back changed");
    assert_eq!(writer.put_new(&key, object).await.expect("put"), Put::Taken);
}

/// `bytes_max` is the largest size that is still given; one byte more is [`StoreError::TooLarge`].
pub async fn a_reader_is_told_when_an_object_is_too_large(
    writer: &dyn EvidenceWriter,
    reader: &dyn EvidenceReader,
    seed: &str,
) {
    let key = ObjectKey::Receipt(fresh_receipt(seed, "limit"));
    let object = Bytes::from(vec![b'x'; 1_000]);
    assert_eq!(writer.put_new(&key, object.clone()).await.expect("put"), Put::Stored);
    assert_eq!(reader.get(&key, 1_000).await.expect("get"), Some(object));
    match reader.get(&key, 999).await {
        Err(StoreError::TooLarge { bytes_max: 999 }) => {}
        other => panic!("an object above the limit must be TooLarge, not {other:?}"),
    }
}

/// Keys come in ascending order of their text: `10.zip` before `2.zip`.
pub async fn a_listing_is_in_order_of_the_text(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let (prefix, keys) = twelve_bundles(writer, seed, "order").await;
    assert_eq!(reader.list(&prefix, None, 100).await.expect("list"), keys);
}

/// `limit` and `after` cut a listing in pages; `after` need not be a key of the store.
pub async fn a_listing_can_be_read_in_pages(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let (prefix, keys) = twelve_bundles(writer, seed, "pages").await;
    for size in [1, 5, 12, 13] {
        let mut read: Vec<ObjectKey> = Vec::new();
        loop {
            let page = reader.list(&prefix, read.last(), size).await.expect("list");
            assert!(page.len() <= size, "a page of {} keys where {size} were asked for", page.len());
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, keys, "in pages of {size}");
    }
    let between = ObjectKey::Bundle(fresh_change(seed, "pages"), 119);
    let listed = reader.list(&prefix, Some(&between), 100).await.expect("list");
    assert_eq!(listed, keys[3..], "keys after {between}");
    assert_eq!(reader.list(&prefix, None, 0).await.expect("list"), []);
}

/// A listing holds no key of another prefix, and the listing of a family holds those of its members.
pub async fn a_listing_keeps_to_its_prefix(writer: &dyn EvidenceWriter, reader: &dyn EvidenceReader, seed: &str) {
    let (prefix, keys) = twelve_bundles(writer, seed, "prefix").await;
    let (_, others) = twelve_bundles(writer, seed, "prefix of others").await;
    assert_eq!(reader.list(&prefix, None, 100).await.expect("list"), keys);
    for (n, key) in keys.iter().chain(&others).enumerate() {
        // The store may hold much more; each key is asked for from just before it.
        let ObjectKey::Bundle(change, _) = key else { panic!("{key} is no bundle") };
        let before = ObjectKey::Bundle(*change, 0);
        let listed = reader.list(&ObjectPrefix::Bundles, Some(&before), 12).await.expect("list");
        assert!(listed.contains(key), "key {n} is not in the listing of all bundles");
    }
}

/// Whatever was done to the object with plain rights, a reader gets the first bytes, sees the key listed, and a writer
/// is told `Taken`: not a later version, not the absence that a delete marker pretends.
pub async fn the_original_survives_attacks(
    writer: &dyn EvidenceWriter,
    reader: &dyn EvidenceReader,
    attack: &dyn Attack,
    seed: &str,
) {
    let change = fresh_change(seed, "attack");
    let (prefix, first) = (ObjectPrefix::BundlesOf(change), Bytes::from_static(b"the original"));
    let forged = || Bytes::from_static(b"forged");
    for (n, order) in ["delete", "overwrite", "delete then overwrite", "overwrite then delete"].into_iter().enumerate()
    {
        let key = ObjectKey::Bundle(change, n as u32 + 1);
        assert_eq!(writer.put_new(&key, first.clone()).await.expect("put"), Put::Stored);
        for blow in order.split(" then ") {
            match blow {
                "delete" => attack.plain_delete(&key).await,
                _ => attack.plain_overwrite(&key, forged()).await,
            }
        }
        assert_eq!(reader.get(&key, SMALL_BYTES_MAX).await.expect("get"), Some(first.clone()), "get after {order}");
        let listed = reader.list(&prefix, None, 100).await.expect("list");
        assert!(listed.contains(&key), "the key is not listed after {order}");
        assert_eq!(writer.put_new(&key, forged()).await.expect("put"), Put::Taken, "put after {order}");
        assert_eq!(reader.get(&key, SMALL_BYTES_MAX).await.expect("get"), Some(first.clone()), "get after {order}");
    }
}

/// Stores twelve revisions of a change and gives their keys in order of the text: 1, 10, 11, 12, 2, …
async fn twelve_bundles(writer: &dyn EvidenceWriter, seed: &str, name: &str) -> (ObjectPrefix, Vec<ObjectKey>) {
    let change = fresh_change(seed, name);
    let mut keys: Vec<ObjectKey> = (1..=12).rev().map(|n| ObjectKey::Bundle(change, n)).collect();
    for key in &keys {
        assert_eq!(writer.put_new(key, Bytes::from(key.to_string())).await.expect("put"), Put::Stored);
    }
    keys.sort_by_key(ToString::to_string);
    (ObjectPrefix::BundlesOf(change), keys)
}
