//! A rich sample, made by hand: a code change that weakened a test and was overridden, with people, drift and gaps.
//! Shared by the tests and the example.

use std::collections::BTreeMap;

use clyra_attest::attestation::Attestation;
use clyra_attest::{Catalogue, Parameters, attest_change};
use clyra_evidence::actor::{ActorCommitment, PersonalKey};
use clyra_evidence::change::{Anchor, ChangeKind};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue, Facts, Reading};
use clyra_evidence::id::{BundleId, ConnectionName, ReceiptId, Source, SourceId};
use clyra_evidence::key::KeyId;
use clyra_evidence::manifest::{
    ChangeClass, ChangeHeader, ChangeMark, DEF_FORMAT, DefManifest, Entry, NamedObject, Pillars, Producer, Tree,
    VersionRef,
};
use clyra_evidence::receipt::{Authentication, AuthenticationMethod, DataReceipt, Identity, IdentityKind};
use clyra_evidence::scope::{Scope, ScopedControl};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_workpaper::Names;
use clyra_workpaper::names::{Person, SourceAddress};
use clyra_workpaper::parts::tested::{CodeRan, Freshness, GuardingTest, SourceAge, Tested, TestedNode};
use clyra_workpaper::parts::{
    Around, Check, Delta, DeltaHeader, DeltaNode, Held, IntegrityOutcome, LogPosition, PackageEntry, Parts,
    PopulationRow, Retention, RunCensus, Sealed, Ticket, TrustFingerprint, retention,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn connection() -> ConnectionName {
    ConnectionName::default_connection()
}

fn person(byte: u8, id: &str) -> ActorCommitment {
    ActorCommitment::of(&PersonalKey::from_bytes([byte; 32]), "dbt_cloud/default/user", id)
}

/// The parts of a sealed bundle, as a verifier found them.
pub(crate) fn parts() -> Parts {
    parts_named("finance_core", "model.finance_core.fct_revenue")
}

/// The same with names from outside put in.
pub(crate) fn parts_named(project: &str, model: &str) -> Parts {
    let header = header(project);
    let (facts, receipts) = (facts(model), receipts());
    let attestation = attestation(&facts, &header);
    let entries = vec![
        Entry::of("attestations/sox.json".parse().unwrap(), &attestation.to_bytes(), "application/json"),
        Entry::of("delta/semantic_delta.json".parse().unwrap(), b"{}", "application/json"),
        Entry::of("facts.json".parse().unwrap(), b"{}", "application/json"),
        Entry::of("readme.txt".parse().unwrap(), b"readme", "text/plain"),
    ];
    let manifest = DefManifest {
        format: DEF_FORMAT.to_owned(),
        entity: UntrustedText::new("Northwind Trading GmbH"),
        change: header,
        revision: 2,
        predecessor: Some(BundleId::from_digest(Sha256Digest::of(b"revision 1"))),
        produced_at: at("2026-11-19T06:21:40.120Z"),
        producer: Producer { name: "clyra".to_owned(), version: "0.1.0".to_owned(), catalogue: "sox-cm".to_owned() },
        scope: Some(VersionRef { version: 3, sha256: Sha256Digest::of(b"scope") }),
        receipts: receipts.iter().map(|receipt| receipt.receipt_id).collect(),
        tree: Tree::over(&entries),
        entries,
        pillars: Pillars::default(),
        critical: Vec::new(),
    };
    Parts {
        manifest,
        facts,
        attestation,
        delta: Some(delta(model)),
        tested: Some(tested(model)),
        receipts,
        sealed: Some(Sealed {
            bundle_id: BundleId::from_digest(Sha256Digest::of(b"manifest")),
            zip_sha256: Sha256Digest::of(b"zip"),
            keyid: KeyId::from_digest(Sha256Digest::of(b"key")),
        }),
        integrity: checked(true),
        log: LogPosition::NotLogged,
        newest_revision: Some(3),
        around: around(),
    }
}

/// What is known beside the bundle: a trial on one machine, with two days counted and a ticket.
fn around() -> Around {
    let day = |text: &str| text.parse().unwrap();
    Around {
        population: Some(PopulationRow {
            from: day("2026-11-12"),
            to: day("2026-11-19"),
            rows: 2,
            row: 1,
            document: "attestations/sox/finance-core/2026-11-19/1.json".to_owned(),
        }),
        census: Some(RunCensus {
            day: day("2026-11-19"),
            listed: 14,
            held: 13,
            filled: 1,
            open: 0,
            reconciled: true,
            document: "census/default/218762/2026-11-19/1.json".to_owned(),
        }),
        ticket: Some(Ticket { number: UntrustedText::new("CHG0030022"), created_at: Some(at("2026-11-19T06:22:03Z")) }),
        retention: Some(Retention { lock: retention::Lock::Files, days: 1 }),
        trust: Some(TrustFingerprint { sha256: Sha256Digest::of(b"trust"), serial: Some(1) }),
    }
}

/// What a verifier said.
pub(crate) fn checked(intact: bool) -> IntegrityOutcome {
    let check =
        |name: &str, held, detail: &str| Check { name: name.to_owned(), held, detail: UntrustedText::new(detail) };
    IntegrityOutcome::Checked {
        at: at("2026-11-20T10:04:11Z"),
        verifier: "clyra-verify 0.1.0".to_owned(),
        intact,
        checks: vec![
            check("canonical zip", Held::Yes, "8 files"),
            check("signature of the manifest", if intact { Held::Yes } else { Held::No }, "role verdict"),
            check("digests of all files", Held::Yes, "8 of 8"),
            check("log inclusion", Held::NotApplicable, "the trust file names no log"),
        ],
    }
}

fn header(project: &str) -> ChangeHeader {
    let anchor = Anchor::FirstRun { environment: 218_762.into(), run: 70_403_177_461_201.into() };
    ChangeHeader {
        change_id: anchor.change_id(ChangeKind::Code, &connection()),
        kind: ChangeKind::Code,
        source: Source::DbtCloud,
        connection: connection(),
        anchor: anchor.parts(),
        class: ChangeClass::Behavioural,
        project: NamedObject { id: 270_542.into(), name: UntrustedText::new(project) },
        environment: NamedObject { id: 218_762.into(), name: UntrustedText::new("Production") },
        live_at: Some(at("2026-11-19T06:00:12Z")),
        runs: vec![70_403_177_461_201.into()],
        marks: vec![ChangeMark::Emergency],
    }
}

#[expect(clippy::too_many_lines, reason = "a table of facts, one line each")]
fn facts(model: &str) -> Facts {
    let mut facts = Facts::new();
    let mut reading = |endpoint: &str, class, time: &str, principal: &str| {
        facts.add_reading(|id| Reading {
            id,
            source: Source::DbtCloud,
            connection: connection(),
            class,
            endpoint: endpoint.to_owned(),
            at: at(time),
            principal: principal.to_owned(),
            sha256: Sha256Digest::of(endpoint.as_bytes()),
            receipt_id: None,
        })
    };
    let webhook = [reading("webhook", FactClass::Delivered, "2026-11-19T06:00:13Z", "webhook-signature")];
    let run = [reading(
        "GET /api/v2/accounts/1/runs/70403177461201/?include_related=[\"trigger\",\"run_steps\",\"job\"]",
        FactClass::Observed,
        "2026-11-19T06:20:02Z",
        "CLYRA_DBT_CLOUD_TOKEN",
    )];
    let manifest = [reading(
        "GET /api/v2/accounts/1/runs/70403177461201/artifacts/manifest.json?step=4",
        FactClass::Observed,
        "2026-11-19T06:20:09Z",
        "CLYRA_DBT_CLOUD_TOKEN",
    )];
    let observed = FactClass::Observed;
    facts.set("change.kind", "code", FactClass::Delivered, &webhook);
    facts.set("sources.connected", vec!["dbt_cloud".to_owned()], FactClass::Delivered, &webhook);
    facts.set("change.liveAt", at("2026-11-19T06:00:12Z"), observed, &run);
    facts.set("run.startedAt", at("2026-11-19T06:00:12Z"), observed, &run);
    facts.set("run.id", "70403177461201", observed, &run);
    facts.set("run.status", "success", observed, &run);
    facts.set("run.gitSha", "3f1a9c0d5e5b7a41f0c2", observed, &run);
    facts.set("run.gitBranch", "main", observed, &run);
    facts.set("environment.expectedBranch", "main", observed, &run);
    facts.set("run.trigger.causeCategory", "ui", observed, &run);
    facts.set("run.reason.given", false, observed, &run);
    facts.set("run.actor.id", person(7, "1201").to_string(), observed, &run);
    facts.set("run.actor.type", "user", observed, &run);
    facts.set("run.overrides", vec!["steps".to_owned()], observed, &run);
    facts.set("run.operations", Vec::<String>::new(), observed, &run);
    facts.set("run.fullRefresh", true, observed, &run);
    facts.set("run.fullRefreshNodes", vec![model.to_owned()], observed, &run);
    facts.set("run.fullRefreshSnapshots", Vec::<String>::new(), observed, &run);
    facts.set("run.vars.names", Vec::<String>::new(), observed, &run);
    facts.set("run.retryOf", FactValue::Null, observed, &run);
    facts.set("change.authors", vec![person(8, "1202").to_string()], observed, &run);
    facts.set("delta.class", "behavioural", observed, &manifest);
    facts.set("delta.comparable", true, observed, &manifest);
    facts.set("delta.modelsChanged", vec![model.to_owned()], observed, &manifest);
    facts.set(
        "tests.removed",
        vec!["test.finance_core.not_null_fct_revenue_amount.8f1c".to_owned()],
        observed,
        &manifest,
    );
    facts.set("tests.weakened", Vec::<String>::new(), observed, &manifest);
    facts.set("tests.failedError", Vec::<String>::new(), observed, &run);
    facts.set("vector.manifest.changed", true, observed, &manifest);
    facts.set("vector.seeds.changed", false, observed, &manifest);
    facts.set("vector.dbtVersion.changed", false, observed, &run);
    facts.set("vector.gitSha.changed", true, observed, &run);
    facts.set("packages.changed", vec!["dbt_utils".to_owned()], observed, &manifest);
    facts.set("seeds.unhashed", Vec::<String>::new(), observed, &manifest);
    facts.set("lineage.complete", true, observed, &manifest);
    facts.set(
        "lineage.downstream",
        vec![model.to_owned(), "exposure.finance_core.board_pack".to_owned()],
        observed,
        &manifest,
    );
    facts.set("evidence.signaturesValid", true, observed, &webhook);
    facts.set("evidence.conflicts", Vec::<String>::new(), observed, &webhook);
    facts
}

fn attestation(facts: &Facts, header: &ChangeHeader) -> Attestation {
    let control = |client: &str| ScopedControl { client_control_id: Some(UntrustedText::new(client)) };
    let scope = Scope {
        version: 3,
        entity: UntrustedText::new("Northwind Trading GmbH"),
        projects: Vec::new(),
        period: None,
        approval_sources: Vec::new(),
        owners: None,
        controls: BTreeMap::from([
            ("CM-02".to_owned(), control("ITGC-CM-07")),
            ("CM-04".to_owned(), control("ITGC-CM-09")),
            ("CM-05".to_owned(), ScopedControl::default()),
            ("CM-09".to_owned(), ScopedControl::default()),
            ("CM-12".to_owned(), ScopedControl::default()),
        ]),
        parameters: BTreeMap::new(),
    };
    let parameters = Parameters::from_scope(&scope, None)
        .with("keyReports", vec!["exposure.finance_core.board_pack".to_owned()])
        .with("ticketSystemInScope", true)
        .with("reverseEtlInScope", false);
    attest_change(&Catalogue::sox_cm(), &header.change_id, facts, &parameters)
}

fn delta(model: &str) -> Delta {
    let state = |seed: &str, generated| DeltaHeader {
        manifest_sha256: Sha256Digest::of(seed.as_bytes()),
        dbt_version: UntrustedText::new("2026.11.14+7a2c"),
        generated_at: Some(at(generated)),
    };
    let node = |id: &str, [resource, change, class]: [&str; 3], reasons: &[&str], why: &str| DeltaNode {
        unique_id: UntrustedText::new(id),
        resource_type: resource.to_owned(),
        change: change.to_owned(),
        class: class.to_owned(),
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        why: UntrustedText::new(why),
        weakening: None,
        attached_node: None,
    };
    let removed = node(
        "test.finance_core.not_null_fct_revenue_amount.8f1c",
        ["test", "removed", "behavioural"],
        &["removed"],
        "What this test caught is no longer caught.",
    );
    let weakened = node(
        "test.finance_core.accepted_values_stg_orders_status.19ab",
        ["test", "modified", "behavioural"],
        &["severity"],
        "The test no longer stops what it stopped before.",
    );
    Delta {
        before: Some(state("before", "2026-11-18T06:00:41Z")),
        after: Some(state("after", "2026-11-19T06:01:02Z")),
        comparability: "COMPARABLE".to_owned(),
        packages: vec![PackageEntry { package: UntrustedText::new("dbt_utils"), change: "modified".to_owned() }],
        nodes: vec![
            node(
                model,
                ["model", "modified", "breaking"],
                &["body", "columnRemoved"],
                "A column went: queries that name it fail.",
            ),
            DeltaNode { attached_node: Some(UntrustedText::new(model)), ..removed },
            DeltaNode {
                attached_node: Some(UntrustedText::new("model.finance_core.stg_orders")),
                weakening: Some("proven".to_owned()),
                ..weakened
            },
            node(
                "semantic_model.finance_core.revenue",
                ["semantic_model", "added", "structural"],
                &["added"],
                "It is new; nothing that was there before differs by that alone.",
            ),
            node(
                "model.finance_core.stg_orders",
                ["model", "modified", "documentation"],
                &["documentation"],
                "Descriptions differ; what runs does not.",
            ),
        ],
    }
}

fn tested(model: &str) -> Tested {
    let test = |id: &str, verdict: &str| GuardingTest {
        unique_id: UntrustedText::new(&format!("test.finance_core.{id}")),
        verdict: verdict.to_owned(),
    };
    let node = |id: &str, built: &str, rows, state: &str, tests| TestedNode {
        unique_id: UntrustedText::new(id),
        built: built.to_owned(),
        rows_affected: rows,
        state: state.to_owned(),
        tests,
    };
    Tested {
        limited_rows: false,
        changed_nodes: Some(vec![
            node(
                model,
                "succeeded",
                Some(48_211),
                "notRun",
                vec![
                    test("unique_fct_revenue_id.77aa", "passed"),
                    test("relationships_fct_revenue_customer.91bc", "notRun"),
                ],
            ),
            node(
                "model.finance_core.stg_orders",
                "succeeded",
                None,
                "passed",
                vec![test("unique_stg_orders_id.1c", "passed")],
            ),
            node("seed.finance_core.gl_accounts", "skipped", None, "untested", Vec::new()),
        ]),
        code: Some(CodeRan { compared: 212, differing: Vec::new() }),
        freshness: Some(Freshness {
            sources: vec![SourceAge {
                unique_id: UntrustedText::new("source.finance_core.psp.payments"),
                status: "warn".to_owned(),
                upstream: Some(true),
            }],
        }),
    }
}

fn receipts() -> Vec<DataReceipt> {
    let receipt = |event: &str, identity: &str, sent: &str, received: &str| DataReceipt {
        receipt_id: ReceiptId::derive(Source::DbtCloud, &connection(), identity),
        source: Source::DbtCloud,
        connection: connection(),
        identity: Identity { kind: IdentityKind::EventId, value: identity.to_owned() },
        authentication: Authentication {
            method: AuthenticationMethod::HmacSha256,
            header: Some("authorization".to_owned()),
            secret: Some(1),
        },
        received_at: at(received),
        source_time: Some(at(sent)),
        class: FactClass::Delivered,
        marks: Vec::new(),
        body_bytes: 812,
        event_type: event.to_owned(),
        facts: BTreeMap::from([("runId".to_owned(), FactValue::Text("70403177461201".to_owned()))]),
        critical: Vec::new(),
    };
    let mut receipts = vec![
        receipt("job.run.started", "wev_a", "2026-11-19T06:00:12.400Z", "2026-11-19T06:00:13Z"),
        receipt("job.run.completed", "wev_b", "2026-11-19T06:19:58Z", "2026-11-19T06:19:59Z"),
    ];
    receipts.sort_by_key(|receipt| receipt.receipt_id);
    receipts
}

/// Names for the persons above.
pub(crate) fn names() -> Names {
    names_of("Ana Lima", "Jüri Õunapuu")
}

/// Other names for them.
pub(crate) fn names_of(first: &str, second: &str) -> Names {
    let person_named = |name: &str, account: &str, title: Option<&str>| Person {
        name: UntrustedText::new(name),
        account: UntrustedText::new(account),
        title: title.map(UntrustedText::new),
        directory_id: None,
        active_on_day: None,
    };
    let account: SourceId = 1.into();
    Names {
        people: BTreeMap::from([
            (person(7, "1201"), person_named(first, "dbt Cloud user 1201", Some("Finance Data Lead"))),
            (person(8, "1202"), person_named(second, "dbt Cloud user 1202", None)),
        ]),
        sources: BTreeMap::from([(connection(), SourceAddress::new("https://ab123.us1.dbt.com", account).unwrap())]),
    }
}

/// Names that try to get out of every medium: markup, bidirectional controls, terminal codes, formulas, other scripts.
pub(crate) const HOSTILE_PROJECT: &str = "</title><script>alert(1)</script>\u{202e}\u{1b}[2J=1+1";
/// A model of that kind.
pub(crate) const HOSTILE_MODEL: &str = "model.\"x\"'onload=\u{200b}\u{2066}שלום数据\u{0};DROP&amp;--%s{}";

/// The parts with hostile names.
pub(crate) fn hostile() -> Parts {
    parts_named(HOSTILE_PROJECT, HOSTILE_MODEL)
}
