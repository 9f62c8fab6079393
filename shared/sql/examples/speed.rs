//! Measures the fingerprint and the shape of every compiled node of a manifest: `speed MANIFEST.json [ADAPTER]`.
//!
//! Prints megabytes per second of processor time (/proc/self/schedstat, Linux), and how many texts were read.
#![expect(clippy::print_stdout, reason = "a measuring tool prints what it measured")]

use std::error::Error;

use clyra_sql::{Dialect, Unread, fingerprint, shape};

/// The best of these is told: others may use the machine too.
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, adapter) = match arguments.as_slice() {
        [path] => (path, "snowflake"),
        [path, adapter] => (path, adapter.as_str()),
        _ => return Err("usage: speed MANIFEST.json [ADAPTER]".into()),
    };
    let dialect = Dialect::of_adapter(adapter).ok_or("unknown adapter")?;
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let nodes = manifest["nodes"].as_object().ok_or("no nodes")?;
    let texts: Vec<&str> = nodes.values().filter_map(|node| node["compiled_code"].as_str()).collect();
    measure("fingerprint", &texts, |sql| fingerprint(sql, dialect).map(|_| ()));
    measure("shape", &texts, |sql| shape(sql, dialect).map(|_| ()));
    Ok(())
}

fn measure(name: &str, texts: &[&str], read: impl Fn(&str) -> Result<(), Unread>) {
    let bytes: usize = texts.iter().map(|sql| sql.len()).sum();
    let mut understood = 0;
    let mut seconds = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = processor_seconds();
        understood = texts.iter().filter(|sql| read(sql).is_ok()).count();
        seconds = seconds.min(processor_seconds() - started);
    }
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{name:<12} {megabytes:>6.1} MB in {:>7.1} ms: {:>6.1} MB/s, {understood} of {} texts read",
        seconds * 1e3,
        megabytes / seconds,
        texts.len()
    );
}

/// Time on the processor so far: what others do on the machine does not count.
fn processor_seconds() -> f64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    schedstat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}
