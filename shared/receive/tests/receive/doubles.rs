//! A store and a signer in memory, stricter than any cloud, that fail when they are told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::signer::{SignError, Signer};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;

/// What the next call of the store does. Write faults come in pairs: the caller cannot tell which one it met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    WorksAsItShould,
    FailsAndNotStored,
    FailsButStored,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) objects: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) puts: Mutex<VecDeque<Fault>>,
    pub(crate) gets: Mutex<VecDeque<Fault>>,
}

impl Store {
    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn object(&self, key: &str) -> Option<Bytes> {
        self.objects.lock().unwrap().get(key).cloned()
    }

    fn next(faults: &Mutex<VecDeque<Fault>>) -> Fault {
        faults.lock().unwrap().pop_front().unwrap_or(Fault::WorksAsItShould)
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable { reason: "told to fail".to_owned() }
}

#[async_trait]
impl EvidenceWriter for Store {
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError> {
        let fault = Self::next(&self.puts);
        // Others get their turn, so that concurrent deliveries meet here.
        tokio::task::yield_now().await;
        if fault == Fault::FailsAndNotStored {
            return Err(unavailable());
        }
        let mut objects = self.objects.lock().unwrap();
        let put = if objects.contains_key(&key.to_string()) { Put::Taken } else { Put::Stored };
        if put == Put::Stored {
            objects.insert(key.to_string(), object);
        }
        if fault == Fault::FailsButStored { Err(unavailable()) } else { Ok(put) }
    }
}

#[async_trait]
impl EvidenceReader for Store {
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        if Self::next(&self.gets) != Fault::WorksAsItShould {
            return Err(unavailable());
        }
        let object = self.object(&key.to_string());
        if object.as_ref().is_some_and(|object| object.len() > bytes_max) {
            return Err(StoreError::TooLarge { bytes_max });
        }
        Ok(object)
    }

    async fn list(&self, _: &ObjectPrefix, _: Option<&ObjectKey>, _: usize) -> Result<Vec<ObjectKey>, StoreError> {
        Err(unavailable()) // the receive path lists nothing
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Signs,
    Fails,
    Hangs,
    SignsSomethingElse,
}

#[derive(Debug)]
pub(crate) struct InsecureSigner {
    key: SigningKey,
    pub(crate) public: PublicKey,
    pub(crate) mood: Mutex<Mood>,
}

impl InsecureSigner {
    pub(crate) fn new() -> Self {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let spki = key.verifying_key().to_public_key_der().unwrap();
        let public = PublicKey::from_spki(spki.as_bytes()).unwrap();
        Self { key, public, mood: Mutex::new(Mood::Signs) }
    }
}

#[async_trait]
impl Signer for InsecureSigner {
    fn role(&self) -> Role {
        Role::Receipt
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        Ok(self.public.clone())
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let mood = *self.mood.lock().unwrap();
        let digest = match mood {
            Mood::Signs => *digest,
            Mood::SignsSomethingElse => Sha256Digest::of(b"something else"),
            Mood::Fails => {
                return Err(SignError::Unavailable { reason: "told to fail".to_owned() });
            }
            Mood::Hangs => std::future::pending().await,
        };
        let signature: Signature = self.key.sign_prehash(digest.as_bytes()).unwrap();
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
