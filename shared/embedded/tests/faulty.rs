//! Scripted faults: with an empty script a decorator keeps every contract; with a fault it keeps the fault's promise.

use std::sync::Arc;

use bytes::Bytes;
use clyra_embedded::faulty::{Fault, Faulty, Script};
use clyra_embedded::folder::Embedded;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_ports::clock::SystemClock;
use clyra_ports::conformance as suites;
use clyra_ports::evidence_store::{EvidenceReader as _, EvidenceWriter as _, Put, StoreError};
use clyra_ports::table::{Expected, PutRow, RowKey, Table as _};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fault_every_contract_holds() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let script = Script::default();
    // First, while the journal is empty.
    let queue = Faulty::new(embedded.journal.queue("faulty").unwrap(), script.clone());
    suites::queue::what_was_sent_is_received(&queue, "faulty").await;
    let writer = Faulty::new(Arc::clone(&embedded.writer), script.clone());
    let reader = Faulty::new(Arc::clone(&embedded.reader), script.clone());
    suites::evidence_store::all(&writer, &reader, "faulty").await;
    suites::table::all(&Faulty::new(Arc::clone(&embedded.tables.index), script.clone()), "faulty").await;
    let signer = Faulty::new(Arc::clone(&embedded.signers.receipt), script.clone());
    suites::signer::all(&signer, Role::Receipt, "faulty").await;
    assert!(script.calls() > 100);
}

#[tokio::test]
async fn a_write_that_fails_has_happened_or_not_as_scripted() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let script = Script::default();
    let writer = Faulty::new(Arc::clone(&embedded.writer), script.clone());
    let reader = Faulty::new(Arc::clone(&embedded.reader), script.clone());
    for (n, fault, happened) in
        [(1, Fault::Fails, false), (2, Fault::FailsButHappens, true), (3, Fault::FailsToWrite, false)]
    {
        let key: ObjectKey = format!("scopes/{n}.json").parse().unwrap();
        script.next([fault]);
        let failed = writer.put_new(&key, Bytes::from_static(b"x")).await;
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{fault:?}: {failed:?}");
        assert_eq!(reader.get(&key, 10).await.unwrap().is_some(), happened, "{fault:?}");
        // The caller's second try learns which.
        let again = writer.put_new(&key, Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(again, if happened { Put::Taken } else { Put::Stored }, "{fault:?}");
    }

    script.from_then_on(Fault::FailsToWrite);
    let table = Faulty::new(Arc::clone(&embedded.tables.ledger), script.clone());
    let key = RowKey::new("p", "s");
    assert!(table.put(&key, b"1", Expected::Absent).await.is_err());
    assert_eq!(table.get(&key).await.unwrap(), None);
    script.heal();
    script.next([Fault::FailsButHappens, Fault::Delays(1)]);
    assert!(table.put(&key, b"1", Expected::Absent).await.is_err());
    assert_eq!(table.put(&key, b"1", Expected::Absent).await.unwrap(), PutRow::Refused);
}
