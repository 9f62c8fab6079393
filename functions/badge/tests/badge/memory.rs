//! The two ports that reading needs, in memory; either can be told to fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::evidence_store::{EvidenceReader, StoreError};
use clyra_ports::table::{Expected, PutRow, Range, Row, RowKey, Table, TableError};

#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    down: Arc<AtomicBool>,
}

impl Store {
    pub(crate) fn put(&self, key: &ObjectKey, bytes: impl Into<Bytes>) {
        self.objects.lock().unwrap().insert(key.to_string(), bytes.into());
    }

    pub(crate) fn fail(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), StoreError> {
        let failure = StoreError::Unavailable { reason: "told to fail".to_owned() };
        if self.down.load(Ordering::SeqCst) { Err(failure) } else { Ok(()) }
    }
}

#[async_trait]
impl EvidenceReader for Store {
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        self.check()?;
        let object = self.objects.lock().unwrap().get(&key.to_string()).cloned();
        match object {
            Some(object) if object.len() > bytes_max => Err(StoreError::TooLarge { bytes_max }),
            object => Ok(object),
        }
    }

    async fn list(
        &self,
        prefix: &ObjectPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        self.check()?;
        let (prefix, after) = (prefix.to_string(), after.map(ToString::to_string));
        let objects = self.objects.lock().unwrap();
        let keys = objects.keys().filter(|key| key.starts_with(&prefix));
        let keys = keys.filter(|key| after.as_ref().is_none_or(|after| *key > after));
        Ok(keys.take(limit).map(|key| key.parse().unwrap()).collect())
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryTable(Arc<Mutex<BTreeMap<RowKey, (u64, Vec<u8>)>>>);

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, key: &RowKey) -> Result<Option<Row>, TableError> {
        let rows = self.0.lock().unwrap();
        Ok(rows.get(key).map(|(version, value)| Row { key: key.clone(), version: *version, value: value.clone() }))
    }

    async fn put(&self, key: &RowKey, value: &[u8], expected: Expected) -> Result<PutRow, TableError> {
        let mut rows = self.0.lock().unwrap();
        let version = rows.get(key).map(|(version, _)| *version);
        let wanted = match expected {
            Expected::Absent => None,
            Expected::Version(version) => Some(version),
        };
        if version != wanted {
            return Ok(PutRow::Refused);
        }
        let next = version.unwrap_or(0) + 1;
        rows.insert(key.clone(), (next, value.to_vec()));
        Ok(PutRow::Stored(next))
    }

    async fn range(&self, _partition: &str, _range: &Range) -> Result<Vec<Row>, TableError> {
        Ok(Vec::new())
    }
}
