//! Where an object stands: the only place that makes paths of keys and keys of paths.
//!
//! `receipts/3f….json` stands at `receipts/3f/3f….json`, so that no folder holds millions of names and a listing reads
//! one 256th at a time. Capitals and a dot at the beginning are written with `!`, so that two keys never share a file
//! where the file system ignores case, and no key names a file outside.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clyra_evidence::object_key::ObjectKey;
use clyra_ports::evidence_store::StoreError;

use crate::disk::Disk;

/// The folder inside the evidence folder where objects are written before they have their names.
pub(crate) const UNPUBLISHED: &str = ".new";

/// Families whose keys go on with a digest.
const SHARDED: [&str; 5] = ["receipts", "pending", "conflicts", "bundles", "projections"];
/// Digits of the digest that name a shard: 256 shards.
const SHARD_DIGITS: usize = 2;

/// The evidence folder.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) root: PathBuf,
}

impl Shelf {
    /// The file of an object.
    pub(crate) fn path_of(&self, key: &ObjectKey) -> PathBuf {
        self.path_of_text(&key.to_string())
    }

    /// Where the next objects are written.
    pub(crate) fn unpublished(&self) -> PathBuf {
        self.root.join(UNPUBLISHED)
    }

    /// Up to `limit` keys that begin with `prefix` and come after `after`, in order of their text. The prefix is empty
    /// or ends with a slash.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<ObjectKey>, StoreError> {
        let mut listing = Listing { shelf: self, after, limit, keys: Vec::new() };
        let is_shards = prefix.strip_suffix('/').is_some_and(|family| SHARDED.contains(&family));
        listing.visit(&self.path_of_text(prefix.trim_end_matches('/')), prefix, is_shards)?;
        Ok(listing.keys)
    }

    /// Whether `path` is where an object stands.
    pub(crate) fn is_object(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.root) else { return false };
        let parts: Option<Vec<String>> = inside.iter().map(|part| read(part.to_str()?)).collect();
        let Some(mut parts) = parts else { return false };
        if parts.len() > 2 && parts.first().is_some_and(|family| SHARDED.contains(&family.as_str())) {
            parts.remove(1);
        }
        parts.join("/").parse().is_ok_and(|key: ObjectKey| self.path_of(&key) == path)
    }

    fn path_of_text(&self, text: &str) -> PathBuf {
        let mut path = self.root.clone();
        let family = text.split('/').next().unwrap_or_default();
        for (n, part) in text.split('/').enumerate().filter(|(_, part)| !part.is_empty()) {
            if n == 1 && SHARDED.contains(&family) {
                path.push(part.get(..SHARD_DIGITS).unwrap_or(part));
            }
            path.push(written(part));
        }
        path
    }
}

struct Listing<'a> {
    shelf: &'a Shelf,
    after: Option<&'a str>,
    limit: usize,
    keys: Vec<ObjectKey>,
}

impl Listing<'_> {
    /// Takes the keys below `dir`, whose texts begin with `text`.
    fn visit(&mut self, dir: &Path, text: &str, is_shards: bool) -> Result<(), StoreError> {
        let mut names = Vec::new();
        for entry in self.shelf.disk.entries(dir).map_err(|error| unavailable("list", &error))? {
            if text.is_empty() && entry.name == UNPUBLISHED {
                continue;
            }
            let end = if entry.is_dir && !is_shards { "/" } else { "" };
            let name = read(&entry.name).ok_or_else(|| foreign(text, &entry.name))?;
            // A folder's keys go on with a slash, which counts when names are compared.
            names.push((format!("{name}{end}"), entry));
        }
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (name, entry) in names {
            if self.keys.len() >= self.limit {
                return Ok(());
            }
            let below = dir.join(&entry.name);
            if is_shards {
                let shard = format!("{text}{name}");
                if name.len() != SHARD_DIGITS || !entry.is_dir {
                    return Err(foreign(text, &entry.name));
                }
                if !self.is_before(&shard) {
                    self.visit(&below, text, false)?;
                }
                continue;
            }
            let key = format!("{text}{name}");
            if entry.is_dir {
                if !self.is_before(&key) {
                    let is_shards = text.is_empty() && SHARDED.contains(&name.trim_end_matches('/'));
                    self.visit(&below, &key, is_shards)?;
                }
            } else if self.after.is_none_or(|after| key.as_str() > after) {
                self.keys.push(key.parse().map_err(|_| foreign(text, &entry.name))?);
            }
        }
        Ok(())
    }

    /// Whether every key that begins with `beginning` comes before what is asked for.
    fn is_before(&self, beginning: &str) -> bool {
        self.after.is_some_and(|after| beginning < after && !after.starts_with(beginning))
    }
}

/// The name of the file or folder for one part of a key.
fn written(part: &str) -> String {
    let mut name = String::with_capacity(part.len());
    for (n, c) in part.chars().enumerate() {
        if c.is_ascii_uppercase() {
            name.extend(['!', c.to_ascii_lowercase()]);
        } else if n == 0 && c == '.' {
            name.push_str("!.");
        } else {
            name.push(c);
        }
    }
    name
}

/// The part of a key that a file or folder is named for; `None` when [`written`] never gives the name.
fn read(name: &str) -> Option<String> {
    let mut part = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        part.push(if c == '!' { chars.next()?.to_ascii_uppercase() } else { c });
    }
    (written(&part) == name).then_some(part)
}

pub(crate) fn unavailable(doing: &str, error: &io::Error) -> StoreError {
    StoreError::Unavailable { reason: format!("{doing}: {error}") }
}

fn foreign(text: &str, name: &str) -> StoreError {
    StoreError::Corrupt { reason: format!("{text} holds {name:?}, which no Clyra of this version wrote") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::OsDisk;

    #[test]
    fn every_key_has_a_file_of_its_own_inside_the_folder() {
        let shelf = Shelf { disk: Arc::new(OsDisk), root: "evidence".into() };
        let digest = "3f".repeat(32);
        for (key, path) in [
            (format!("receipts/{digest}.json"), format!("evidence/receipts/3f/{digest}.json")),
            (format!("bundles/{digest}/12.zip"), format!("evidence/bundles/3f/{digest}/12.zip")),
            (
                "rollups/default/..a/2026-11-20/1.json".to_owned(),
                "evidence/rollups/default/!..a/2026-11-20/1.json".into(),
            ),
            (
                "rollups/default/..a/2026-11-20/1.json".to_owned(),
                "evidence/rollups/default/!..a/2026-11-20/1.json".into(),
            ),
        ] {
            let parsed: ObjectKey = key.parse().unwrap();
            assert_eq!(shelf.path_of(&parsed), PathBuf::from(path), "{key}");
        }
        for name in ["Ab", ".x", "!", "a!"] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn a_listing_is_in_order_of_the_text_where_folders_and_shards_meet() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf { disk: Arc::new(OsDisk), root: folder.path().to_owned() };
        let mut keys: Vec<String> = ["1", "1-2", "1.2", "12", "A", "a", "..a", "B-1"]
            .iter()
            .flat_map(|environment| [1, 2, 10].map(|n| format!("rollups/default/{environment}/2026-11-20/{n}.json")))
            .chain((0..40_u8).map(|n| format!("receipts/{}.json", format!("{:02x}", n.wrapping_mul(37)).repeat(32))))
            .chain(["scopes/1.json".to_owned(), "scopes/10.json".to_owned(), "scopes/2.json".to_owned()])
            .collect();
        for key in &keys {
            let path = shelf.path_of(&key.parse().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        keys.sort_unstable();
        let texts = |listed: Vec<ObjectKey>| listed.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(shelf.list("", None, usize::MAX).unwrap()), keys);
        for (n, key) in keys.iter().enumerate() {
            let rest: Vec<String> = keys[n + 1..].iter().take(7).cloned().collect();
            assert_eq!(texts(shelf.list("", Some(key), 7).unwrap()), rest, "after {key}");
        }
        std::fs::write(folder.path().join("scopes/notes.txt"), "").unwrap();
        assert!(matches!(shelf.list("scopes/", None, 10), Err(StoreError::Corrupt { .. })));
    }
}
