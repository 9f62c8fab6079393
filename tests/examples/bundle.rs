//! Measures one bundle of a large project, whole: `bundle CLYRA BEFORE.json AFTER.json FOLDER`.
//!
//! It starts the stand-in of dbt Cloud with two runs, one per manifest, each with the results of every node, and
//! `CLYRA serve` as a process of its own with its data under FOLDER. The first run becomes the baseline. Then it delivers the
//! webhook of the second and waits for the bundle: the run read, manifest and results fetched, projected and compared,
//! controls evaluated, paper drawn, signed, zipped, verified, stored. It prints how long that took and the server's peak of
//! resident memory (`VmHWM`, Linux), beside what SHA-256 of the fetched bytes alone takes; then how long `CLYRA verify` takes.
#![expect(clippy::print_stdout, reason = "a measuring tool prints what it measured")]

#[path = "served/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_standins::artifact::Artifact;
use clyra_standins::webhook::{Delivery, EventType};
use clyra_standins::week::{Moment, Story, Update};
use clyra_standins::world::Run;
use clyra_standins::{DbtCloud, Week};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::server::{Failure, Server};

/// How long a step may take before it is said to hang.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clyra, before, after, folder] = arguments.as_slice() else {
        return Err("usage: bundle CLYRA BEFORE.json AFTER.json FOLDER".into());
    };
    let (clyra, folder) = (Path::new(clyra).canonicalize()?, Path::new(folder));
    fs::create_dir_all(folder)?;
    let week = Week::telling(Story::RevenueLogic, SystemClock.now().unix_ms());
    let (first, second) = two_runs(&week)?;
    let cloud = DbtCloud::start(&week.token, week.start.clone()).await?;
    let mut server = Server::start(&clyra, folder, &week, &cloud).await?;

    cloud.put_run(week.account_id, large(first.run, &Files::of(before)?));
    deliver(&server, &week, first.delivery).await?;
    until("the first run is the baseline", || Ok(is_settled(&clyra, folder)?.then_some(()))).await?;

    let files = Files::of(after)?;
    let begun = Instant::now();
    let limit = [&files.manifest, &files.run_results].map(|bytes| Sha256Digest::of(bytes));
    let limit_took = begun.elapsed();
    cloud.put_run(week.account_id, large(second.run, &files));
    let begun = Instant::now();
    deliver(&server, &week, second.delivery).await?;
    let zip = until("the second run is a bundle", || bundle_below(&folder.join("data"))).await?;
    let took = begun.elapsed();
    let peak_mb = server.peak_mb()?;

    let trust = folder.join("data/evidence/trust/1.json");
    let begun = Instant::now();
    let verify = Command::new(&clyra).arg("verify").arg(&zip).arg("--trust").arg(trust).output()?;
    let verify_took = begun.elapsed();
    if !verify.status.success() {
        return Err(format!("the bundle does not verify: {}", String::from_utf8_lossy(&verify.stdout)).into());
    }
    server.stop()?;
    cloud.stop().await;

    let mb = |bytes: &Bytes| bytes.len() >> 20;
    println!("manifest {} MB, run_results {} MB", mb(&files.manifest), mb(&files.run_results));
    println!(
        "sha256 of the two, for comparison   {:>8.0} ms  {} {}",
        ms(limit_took),
        short(&limit[0]),
        short(&limit[1])
    );
    println!("webhook to stored bundle            {:>8.0} ms  {} bytes", ms(took), fs::metadata(&zip)?.len());
    println!("as a multiple of sha256             {:>8.1}", took.as_secs_f64() / limit_took.as_secs_f64());
    println!("peak resident, clyra serve          {peak_mb:>8} MB");
    println!("clyra verify                        {:>8.1} ms", ms(verify_took));
    Ok(())
}

/// A run with the webhook that tells of its end.
struct Told {
    run: Run,
    delivery: Delivery,
}

/// The run that changed the code, and an everyday one before it.
fn two_runs(week: &Week) -> Result<(Told, Told), Failure> {
    let completed = |moment: &Moment| {
        let delivery = moment.webhook.clone().filter(|delivery| delivery.event_type == EventType::Completed)?;
        let run = moment.updates.iter().find_map(|update| match update {
            Update::Run(run) if run.id == delivery.run_id => Some(run.as_ref().clone()),
            Update::Run(_) | Update::Job(_) | Update::Environment(_) | Update::Audit(_) | Update::WebhookEvent(_) => {
                None
            }
        })?;
        (run.environment_id == week.production_environment_id).then_some(Told { run, delivery })
    };
    let of =
        |story: Option<Story>| week.moments.iter().filter(move |moment| moment.story == story).filter_map(completed);
    let changed = of(Some(Story::RevenueLogic)).next_back().ok_or("the week has no such change")?;
    let everyday = of(None).take_while(|told| told.run.id < changed.run.id).last();
    Ok((everyday.ok_or("the week has no everyday run before it")?, changed))
}

/// What a run of the large project leaves behind.
struct Files {
    manifest: Bytes,
    run_results: Bytes,
}

impl Files {
    fn of(manifest: &str) -> Result<Self, Failure> {
        let manifest = fs::read(manifest)?;
        let document: Value = serde_json::from_slice(&manifest)?;
        let nodes = document["nodes"].as_object().ok_or("the manifest has no nodes")?;
        let results: Vec<Value> = nodes.iter().map(|(id, node)| result(id, node)).collect();
        let mut metadata = document["metadata"].clone();
        metadata["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/run-results/v6.json".into();
        let run_results = json!({
            "metadata": metadata, "results": results, "elapsed_time": 61.5, "args": { "which": "build", "vars": {} },
        });
        Ok(Self { manifest: manifest.into(), run_results: serde_json::to_vec(&run_results)?.into() })
    }
}

/// A node's result, with its compiled code, as dbt writes it.
fn result(id: &str, node: &Value) -> Value {
    json!({
        "status": if id.starts_with("test.") { "pass" } else { "success" },
        "timing": [
            { "name": "compile", "started_at": "2026-11-20T10:00:01.000000Z", "completed_at": "2026-11-20T10:00:01.020000Z" },
            { "name": "execute", "started_at": "2026-11-20T10:00:01.020000Z", "completed_at": "2026-11-20T10:00:01.250000Z" },
        ],
        "thread_id": "Thread-1 (worker)", "execution_time": 0.25, "adapter_response": { "_message": "OK" }, "message": "OK",
        "failures": if id.starts_with("test.") { json!(0) } else { Value::Null }, "unique_id": id, "compiled": true,
        "compiled_code": node["compiled_code"], "relation_name": node["relation_name"], "batch_results": null,
    })
}

fn large(mut run: Run, files: &Files) -> Run {
    let large = BTreeMap::from([("manifest.json", &files.manifest), ("run_results.json", &files.run_results)]);
    for artifacts in run.steps.iter_mut().map(|step| &mut step.artifacts) {
        for (path, artifact) in artifacts {
            if let Some(&bytes) = large.get(path.as_str()) {
                *artifact = Artifact::plain(bytes.clone());
            }
        }
    }
    run
}

async fn deliver(server: &Server, week: &Week, delivery: Delivery) -> Result<(), Failure> {
    let (status, _) =
        clyra_standins::post(&server.address, clyra_fn_dbt_cloud::PATH, &week.secret, &delivery.body).await?;
    if status == 200 { Ok(()) } else { Err(format!("a delivery was answered {status}").into()) }
}

/// Whether everything that came was dealt with.
fn is_settled(clyra: &Path, folder: &Path) -> Result<bool, Failure> {
    let status =
        Command::new(clyra).args(["status", "--json", "--config", "clyra.yaml"]).current_dir(folder).output()?;
    let status: Value = serde_json::from_slice(&status.stdout)?;
    Ok(status["receipts"]["recorded"] == 1 && status["receipts"]["unbundled"] == 0 && status["runs"]["waiting"] == 0)
}

/// The file of the only bundle below a folder.
fn bundle_below(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // What has no name yet stands in a folder that begins with a dot.
        if path.is_dir() && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            if let Some(found) = bundle_below(&path)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|extension| extension == "zip") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>, Failure>) -> Result<T, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look()? {
            return Ok(found);
        }
        sleep(LOOK_AGAIN).await;
    }
    Err(format!("{what}: not within {} s", PATIENCE.as_secs()).into())
}

fn short(digest: &Sha256Digest) -> String {
    digest.to_string().chars().take(8).collect()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
