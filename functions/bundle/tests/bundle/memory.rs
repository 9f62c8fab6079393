//! Adapters in memory that refuse every breach of contract, and fail on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::signer::{SignError, Signer};
use clyra_ports::table::{Expected, Order, PutRow, Range, Row, RowKey, Table, TableError};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;

/// The n-th write from now on, of whichever adapter, fails: it is stored or it is not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    writes: usize,
    fail_at: Option<(usize, bool)>,
    /// After the failure nothing works until the restart.
    down: bool,
}

impl Trouble {
    pub(crate) fn fail_at(&self, write: usize, stored: bool) {
        *self.0.lock().unwrap() = State { writes: 0, fail_at: Some((write, stored)), down: false };
    }

    pub(crate) fn restart(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let failed = state.down;
        *state = State { writes: state.writes, ..State::default() };
        failed
    }

    /// Whether to carry the write out, and whether to report a failure.
    fn write(&self) -> (bool, bool) {
        let mut state = self.0.lock().unwrap();
        if state.down {
            return (false, true);
        }
        state.writes += 1;
        match state.fail_at {
            Some((at, stored)) if at == state.writes => {
                state.down = true;
                (stored, true)
            }
            _ => (true, false),
        }
    }

    fn is_down(&self) -> bool {
        self.0.lock().unwrap().down
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore {
    pub(crate) objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    pub(crate) trouble: Trouble,
}

fn down() -> StoreError {
    StoreError::Unavailable { reason: "told to fail".to_owned() }
}

#[async_trait]
impl EvidenceWriter for MemoryStore {
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError> {
        let (carry_out, fail) = self.trouble.write();
        let mut put = Put::Taken;
        if carry_out {
            let mut objects = self.objects.lock().unwrap();
            if !objects.contains_key(&key.to_string()) {
                objects.insert(key.to_string(), object);
                put = Put::Stored;
            }
        }
        if fail { Err(down()) } else { Ok(put) }
    }
}

#[async_trait]
impl EvidenceReader for MemoryStore {
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        if self.trouble.is_down() {
            return Err(down());
        }
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
        if self.trouble.is_down() {
            return Err(down());
        }
        let (prefix, after) = (prefix.to_string(), after.map(ToString::to_string));
        let objects = self.objects.lock().unwrap();
        let keys = objects.keys().filter(|key| key.starts_with(&prefix));
        let keys = keys.filter(|key| after.as_ref().is_none_or(|after| *key > after));
        Ok(keys.take(limit).map(|key| key.parse().unwrap()).collect())
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryTable {
    rows: Arc<Mutex<BTreeMap<RowKey, (u64, Vec<u8>)>>>,
    trouble: Trouble,
}

impl MemoryTable {
    pub(crate) fn new(trouble: Trouble) -> Self {
        Self { rows: Arc::default(), trouble }
    }

    fn check(&self) -> Result<(), TableError> {
        let failure = TableError::Unavailable { reason: "told to fail".to_owned() };
        if self.trouble.is_down() { Err(failure) } else { Ok(()) }
    }
}

#[async_trait]
impl Table for MemoryTable {
    async fn get(&self, key: &RowKey) -> Result<Option<Row>, TableError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        Ok(rows.get(key).map(|(version, value)| Row { key: key.clone(), version: *version, value: value.clone() }))
    }

    async fn put(&self, key: &RowKey, value: &[u8], expected: Expected) -> Result<PutRow, TableError> {
        assert!(value.len() <= clyra_ports::table::VALUE_BYTES_MAX, "{key:?} is too large");
        let (carry_out, fail) = self.trouble.write();
        let mut put = PutRow::Refused;
        if carry_out {
            let mut rows = self.rows.lock().unwrap();
            let version = rows.get(key).map(|(version, _)| *version);
            let wanted = match expected {
                Expected::Absent => None,
                Expected::Version(version) => Some(version),
            };
            if version == wanted {
                let next = version.unwrap_or(0) + 1;
                rows.insert(key.clone(), (next, value.to_vec()));
                put = PutRow::Stored(next);
            }
        }
        if fail { Err(TableError::Unavailable { reason: "told to fail".to_owned() }) } else { Ok(put) }
    }

    async fn range(&self, partition: &str, range: &Range) -> Result<Vec<Row>, TableError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        let inside = |key: &RowKey| {
            key.partition == partition
                && range.after.as_ref().is_none_or(|after| key.sort > *after)
                && range.before.as_ref().is_none_or(|before| key.sort < *before)
        };
        let found = rows.iter().filter(|(key, _)| inside(key));
        let found =
            found.map(|(key, (version, value))| Row { key: key.clone(), version: *version, value: value.clone() });
        let mut found: Vec<Row> = found.collect();
        if range.order == Order::Descending {
            found.reverse();
        }
        found.truncate(range.limit);
        Ok(found)
    }
}

#[derive(Debug)]
pub(crate) struct InsecureSigner {
    key: SigningKey,
    pub(crate) public: PublicKey,
    role: Role,
}

impl InsecureSigner {
    pub(crate) fn new(seed: u8, role: Role) -> Self {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let spki = key.verifying_key().to_public_key_der().unwrap();
        let public = PublicKey::from_spki(spki.as_bytes()).unwrap();
        Self { key, public, role }
    }
}

#[async_trait]
impl Signer for InsecureSigner {
    fn role(&self) -> Role {
        self.role
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        Ok(self.public.clone())
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signature: Signature = self.key.sign_prehash(digest.as_bytes()).unwrap();
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
