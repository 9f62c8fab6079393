//! One example of each document of the format, as the code writes it.

use std::collections::BTreeMap;

use clyra_evidence::def::census_day::{CensusCall, CensusDay, FilledRun};
use clyra_evidence::def::rollup::{OperationsRollup, RolledRun, StateRead};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::scope::{Scope, ScopedControl, ScopedEnvironment, ScopedPeriod, ScopedProject};
use clyra_evidence::text::UntrustedText;
use clyra_verify::{Disclosure, Options, verify_bundle};

use crate::sample::{InsecureKey, Sample, facts, pretty, receipt, receipt_id, receipt_payload, time};

/// The example files, by path under `spec`.
pub(crate) fn files() -> BTreeMap<String, Vec<u8>> {
    let mut sample = Sample::new();
    let zip = sample.zip();
    let verification = verify_bundle(&zip, &sample.trust_bytes(), &Options::default());
    let bundle = verification.verified().unwrap();
    let disclosure = Disclosure::of(bundle, &BundleFile::Facts.path()).unwrap();
    let documents = [
        ("data_receipt", pretty(&receipt())),
        ("def_manifest", pretty(&sample.manifest)),
        ("facts", pretty(&facts(receipt_id()))),
        ("operations_rollup", pretty(&rollup())),
        ("census_day", pretty(&census_day())),
        ("trust", sample.trust_bytes()),
        ("scope", pretty(&scope())),
        ("disclosure", pretty(&disclosure)),
        ("envelope", InsecureKey::receipt().seal(&receipt_payload(receipt()))),
        ("statement", receipt_payload(receipt())),
    ];
    let mut files: BTreeMap<_, _> =
        documents.into_iter().map(|(name, bytes)| (format!("def/examples/{name}.json"), bytes)).collect();
    files.insert("verify/examples/report.json".to_owned(), pretty(verification.report()));
    files
}

fn name(id: u64, name: &str) -> NamedObject {
    NamedObject { id: id.into(), name: UntrustedText::new(name) }
}

fn run(id: u64, started_at: &str) -> RolledRun {
    RolledRun {
        run_id: id.into(),
        job_id: 501.into(),
        status: "success".to_owned(),
        trigger: "scheduled".to_owned(),
        started_at: time(started_at),
        finished_at: Some(time(started_at).plus_ms(90_000)),
        actor: None,
        class: FactClass::Delivered,
        state_read: Some(StateRead::Own),
        retry_of: None,
        failed_tests: Vec::new(),
        changes: Vec::new(),
        receipts: vec![receipt_id()],
    }
}

fn rollup() -> OperationsRollup {
    let runs = vec![
        run(70_471_820_000_101, "2026-11-19T06:00:00.000Z"),
        RolledRun {
            status: "error".to_owned(),
            state_read: Some(StateRead::Carried),
            failed_tests: vec!["test.finance_core.not_null_fct_revenue_id.0a1b2c3d4e".to_owned()],
            ..run(70_471_820_000_102, "2026-11-19T07:00:00.000Z")
        },
    ];
    let counts = [("status/success", 1), ("status/error", 1), ("job/501", 2), ("trigger/scheduled", 2)];
    OperationsRollup {
        connection: ConnectionName::default_connection(),
        project: name(77, "finance_core"),
        environment: name(1234, "Production"),
        day: "2026-11-19".parse().unwrap(),
        revision: 1,
        predecessor: None,
        produced_at: time("2026-11-20T00:20:00.000Z"),
        tree: OperationsRollup::tree_over(&runs).unwrap(),
        runs,
        counts: counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    }
}

fn census_day() -> CensusDay {
    let ids: [SourceId; 3] = [70_471_820_000_101.into(), 70_471_820_000_102.into(), 70_471_820_000_123.into()];
    let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
    CensusDay {
        connection: ConnectionName::default_connection(),
        project: name(77, "finance_core"),
        environment: name(1234, "Production"),
        day: "2026-11-19".parse().unwrap(),
        revision: 1,
        predecessor: None,
        asked_at: time("2026-11-20T00:15:00.000Z"),
        calls: vec![CensusCall {
            endpoint: "GET /api/v2/accounts/12345/runs/?project_id=77&environment_id=1234&include_related=trigger,job\
                       &order_by=-id&limit=100&offset=0"
                .to_owned(),
            sha256: Sha256Digest::of(b"answer"),
            runs: 4,
            total: Some(4),
        }],
        complete: true,
        source_count: 3,
        held_count: 1,
        source_ids_sha256: Sha256Digest::of(lines.as_bytes()),
        filled: vec![FilledRun { run_id: ids[0].clone(), receipt_id: receipt_id() }],
        running: vec![ids[1].clone()],
        gaps: Vec::new(),
        reconciled: false,
    }
}

fn scope() -> Scope {
    let control = ScopedControl { client_control_id: Some(UntrustedText::new("ITGC-CM-4")) };
    Scope {
        version: 1,
        entity: UntrustedText::new("Example Corp"),
        projects: vec![ScopedProject {
            connection: ConnectionName::default_connection(),
            project_id: 77.into(),
            slug: "finance-core".parse().unwrap(),
            name: UntrustedText::new("finance_core"),
            environments: vec![ScopedEnvironment {
                environment_id: 1234.into(),
                name: UntrustedText::new("Production"),
                branch: Some("main".to_owned()),
                jobs: None,
            }],
            key_reports: vec!["model.finance_core.fct_revenue".to_owned()],
        }],
        period: Some(ScopedPeriod::CalendarQuarter {}),
        approval_sources: vec!["github".to_owned()],
        owners: None,
        controls: [("CM-04".to_owned(), control), ("CM-05".to_owned(), ScopedControl::default())].into(),
        parameters: [("retroApprovalDays".to_owned(), 2.into())].into(),
    }
}
