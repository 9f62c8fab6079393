//! The evidence store: objects that are written once and kept. Reader and writer are apart because rights are.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};

/// Writes evidence once.
///
/// # Contract
/// - `put_new` is atomic, and durable when it returns [`Put::Stored`].
/// - A taken key gives [`Put::Taken`]; what is there is unchanged. The caller reads it and decides.
/// - After an error the object may be stored or not; the caller tries again with the same bytes and learns which.
/// - The adapter retries what is transient within its deadline and applies the deployment's retention.
/// - There is no delete, no overwrite and no way to shorten retention, on purpose.
#[async_trait]
pub trait EvidenceWriter: Debug + Send + Sync {
    /// Stores `object` under `key` if nothing is there.
    ///
    /// # Errors
    /// When the store did not confirm that the object is durable.
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError>;
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is stored and durable.
    Stored,
    /// Something was there before; it is unchanged.
    Taken,
}

/// Reads evidence.
///
/// # Contract
/// - `get` gives the bytes that were stored first under the key, whatever happened to the key since: not a later
///   version, not the absence that a delete marker pretends.
/// - After `put_new` returned, every `get` and every `list` sees the object.
/// - `list` is in ascending order of the keys' text.
#[async_trait]
pub trait EvidenceReader: Debug + Send + Sync {
    /// The object under `key`; `None` when there has never been one.
    ///
    /// # Errors
    /// When the store cannot be read, or the object has more than `bytes_max` bytes.
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError>;

    /// Up to `limit` keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// When the store cannot be listed.
    async fn list(
        &self,
        prefix: &ObjectPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, StoreError>;
}

/// Keys asked for at once: the largest page of an S3 listing.
const PAGE_KEYS: usize = 1_000;

/// All keys that begin with `prefix`, in ascending order of their text, however many pages they take.
///
/// # Errors
/// When the store cannot be listed.
pub async fn list_all(reader: &dyn EvidenceReader, prefix: &ObjectPrefix) -> Result<Vec<ObjectKey>, StoreError> {
    list_while(reader, prefix, None, |_| true).await
}

/// The keys that begin with `prefix` and come after `after`, up to the first one that is not `within`; `after` need not
/// be an object. In ascending order of their text.
///
/// # Errors
/// When the store cannot be listed.
pub async fn list_while(
    reader: &dyn EvidenceReader,
    prefix: &ObjectPrefix,
    after: Option<&ObjectKey>,
    within: impl Fn(&ObjectKey) -> bool + Send,
) -> Result<Vec<ObjectKey>, StoreError> {
    let mut keys: Vec<ObjectKey> = Vec::new();
    loop {
        let page = reader.list(prefix, keys.last().or(after), PAGE_KEYS).await?;
        let is_last = page.len() < PAGE_KEYS;
        for key in page {
            if !within(&key) {
                return Ok(keys);
            }
            keys.push(key);
        }
        if is_last {
            return Ok(keys);
        }
    }
}

/// The key of the highest rank among those that begin with `prefix`; keys without a rank do not count. Keys sort as text
/// and revisions as numbers, so the last of a listing is not the newest.
///
/// # Errors
/// When the store cannot be listed.
pub async fn newest<R: Ord + Send>(
    reader: &dyn EvidenceReader,
    prefix: &ObjectPrefix,
    rank: impl Fn(&ObjectKey) -> Option<R> + Send,
) -> Result<Option<(R, ObjectKey)>, StoreError> {
    let mut newest: Option<(R, ObjectKey)> = None;
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = reader.list(prefix, after.as_ref(), PAGE_KEYS).await?;
        let is_last = page.len() < PAGE_KEYS;
        after = page.last().cloned();
        for key in page {
            if let Some(rank) = rank(&key)
                && newest.as_ref().is_none_or(|(highest, _)| rank > *highest)
            {
                newest = Some((rank, key));
            }
        }
        if is_last {
            return Ok(newest);
        }
    }
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is out of reach, full, read-only or slow. Trying again later can help; nothing was acknowledged.
    #[error("the evidence store is not available: {reason}")]
    Unavailable {
        /// What the adapter saw, without secrets.
        reason: String,
    },
    /// The object is larger than the reader allows.
    #[error("the object has more than {bytes_max} bytes")]
    TooLarge {
        /// The reader's limit.
        bytes_max: usize,
    },
    /// The store holds something that no Clyra wrote, or a newer one did. An operator must look.
    #[error("the evidence store is not in order: {reason}")]
    Corrupt {
        /// What is wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use clyra_evidence::digest::Sha256Digest;
    use clyra_evidence::id::ChangeId;

    use super::*;

    /// Answers at once, in pages, and notes where each page began.
    #[derive(Debug)]
    struct Keys(Vec<ObjectKey>, Mutex<usize>);

    impl Keys {
        fn of(mut keys: Vec<ObjectKey>) -> Self {
            keys.sort_by_key(ToString::to_string);
            Self(keys, Mutex::default())
        }
    }

    #[async_trait]
    impl EvidenceReader for Keys {
        async fn get(&self, _: &ObjectKey, _: usize) -> Result<Option<Bytes>, StoreError> {
            Ok(None)
        }

        async fn list(
            &self,
            prefix: &ObjectPrefix,
            after: Option<&ObjectKey>,
            limit: usize,
        ) -> Result<Vec<ObjectKey>, StoreError> {
            *self.1.lock().unwrap() += 1;
            let (prefix, after) = (prefix.to_string(), after.map(ToString::to_string));
            let of_prefix = self.0.iter().filter(|key| key.to_string().starts_with(&prefix));
            let rest = of_prefix.filter(|key| after.as_ref().is_none_or(|after| key.to_string() > *after));
            Ok(rest.take(limit).cloned().collect())
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    fn change(name: &str) -> ChangeId {
        ChangeId::from_digest(Sha256Digest::of(name.as_bytes()))
    }

    fn revision(key: &ObjectKey) -> Option<u32> {
        if let ObjectKey::Bundle(_, n) = key { Some(*n) } else { None }
    }

    #[test]
    fn a_listing_of_any_length_is_whole() {
        for length in [0, 1, PAGE_KEYS - 1, PAGE_KEYS, PAGE_KEYS + 1, 2 * PAGE_KEYS] {
            let keys = Keys::of((0..length).map(|n| ObjectKey::Bundle(change(&n.to_string()), 1)).collect());
            let all = now(list_all(&keys, &ObjectPrefix::Bundles)).unwrap();
            assert_eq!(all, keys.0, "{length} keys");
            assert_eq!(*keys.1.lock().unwrap(), 1 + length / PAGE_KEYS, "{length} keys");
        }
    }

    #[test]
    fn a_listing_ends_where_it_is_told_to() {
        let keys = Keys::of((10..=19).map(ObjectKey::Scope).collect());
        let listed = |after, end| {
            let within = move |key: &ObjectKey| *key != ObjectKey::Scope(end);
            now(list_while(&keys, &ObjectPrefix::Scopes, Some(&ObjectKey::Scope(after)), within)).unwrap()
        };
        assert_eq!(listed(11, 14), [12, 13].map(ObjectKey::Scope));
        assert_eq!(listed(1, 12), [10, 11].map(ObjectKey::Scope), "the beginning need not be there");
        assert_eq!(listed(17, 99), [18, 19].map(ObjectKey::Scope), "nor the end");
    }

    #[test]
    fn the_newest_is_the_highest_number_on_whatever_page() {
        for last in [1, 9, 10, 999, 1_000, 1_001, 2_345] {
            let of = change("one");
            let others = (1..=3_000).map(|n| ObjectKey::Bundle(change("two"), n));
            let keys = Keys::of((1..=last).map(|n| ObjectKey::Bundle(of, n)).chain(others).collect());
            let found = now(newest(&keys, &ObjectPrefix::BundlesOf(of), revision)).unwrap();
            assert_eq!(found, Some((last, ObjectKey::Bundle(of, last))));
        }
        let keys = Keys::of(vec![ObjectKey::Trust(1)]);
        assert_eq!(now(newest(&keys, &ObjectPrefix::Trust, revision)).unwrap(), None, "a key without a rank");
        assert_eq!(now(newest(&keys, &ObjectPrefix::Bundles, revision)).unwrap(), None);
    }
}
