//! Measures how long a function takes from the start of its process to its first question for an event, beside a bare one,
//! in the same run: `init hello=PATH dbt-cloud=PATH bundle=PATH …`. AWS's calls are answered on loopback, so this is our
//! part of a cold start; Lambda's own is not in it.

#![expect(dead_code, reason = "the modules are shared with the tests, which use the rest of them")]
#![expect(clippy::unwrap_used, reason = "a measuring tool stops where it cannot go on")]
#![expect(clippy::print_stdout, reason = "what it measures is its output")]
#![expect(clippy::expect_used, reason = "a measuring tool stops where it cannot go on")]

mod aws;
mod function;
mod runtime_api;
mod server;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clyra_evidence::key::PublicKey;
use p256::pkcs8::EncodePublicKey as _;
use serde_json::json;

use crate::aws::AwsStub;
use crate::runtime_api::RuntimeApi;

/// Runs per function, taken in turn, so that a busy moment hits all of them.
const RUNS: usize = 40;

fn main() {
    let functions: Vec<(String, PathBuf)> = std::env::args()
        .skip(1)
        .map(|pair| pair.split_once('=').map(|(name, path)| (name.to_owned(), path.into())).expect("name=path"))
        .collect();
    let mut took: Vec<Vec<Duration>> = functions.iter().map(|_| Vec::with_capacity(RUNS)).collect();
    for _ in 0..RUNS {
        for ((_, path), took) in functions.iter().zip(&mut took) {
            took.push(init(path));
        }
    }
    took.iter_mut().for_each(|took| took.sort_unstable());
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    let bare = took.first().map(|took| (took[0], took[RUNS / 2]));
    println!("{:<12} {:>9} {:>10} {:>8} {:>12}", "function", "min ms", "median ms", "ratio", "of the min");
    for ((name, _), took) in functions.iter().zip(&took) {
        let (bare_min, bare_median) = bare.unwrap();
        let ratio = ms(took[RUNS / 2]) / ms(bare_median);
        let of_min = ms(took[0]) / ms(bare_min);
        println!("{name:<12} {:>9.1} {:>10.1} {ratio:>8.2} {of_min:>12.2}", ms(took[0]), ms(took[RUNS / 2]));
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures, outside any async runtime")]
fn init(path: &std::path::Path) -> Duration {
    let aws = AwsStub::start_with(vec![("trust/1.json".to_owned(), trust().into_bytes())]);
    let runtime = RuntimeApi::start();
    let mut command = function::command(path, &runtime);
    let command = function::settings(&mut command, &aws);
    let begun = Instant::now();
    let mut process = command.spawn().unwrap();
    let took = runtime.first_asked() - begun;
    let _ = process.kill();
    let _ = process.wait();
    took
}

/// A trust file with the one key.
fn trust() -> String {
    let spki = aws::insecure_key().verifying_key().to_public_key_der().unwrap();
    let key = PublicKey::from_spki(spki.as_bytes()).unwrap();
    let key =
        json!({ "keyid": key.id(), "spki": key, "role": "receipt", "alg": "ecdsa-p256-sha256-der", "fromIndex": 0 });
    let trust = json!({
        "serial": 1, "previous": null, "deployment": "test", "specBase": "https://clyra.io/spec", "require": "signed",
        "logs": [], "witnesses": [], "keys": [key],
    });
    trust.to_string()
}
