//! Measures projection and comparison of two large manifests: `large BEFORE.json AFTER.json`.
//!
//! Prints milliseconds per step and the peak of resident memory (`VmHWM` of /proc/self/status, Linux).
#![expect(clippy::print_stdout, reason = "a measuring tool prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "measuring time is the purpose of this tool")]

use std::error::Error;
use std::fs;
use std::time::Instant;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::compare::semantic_delta;
use clyra_evidence::digest::Sha256Digest;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [before, after] = paths.as_slice() else {
        return Err("usage: large BEFORE.json AFTER.json".into());
    };
    let before = project("before", before)?;
    let after = project("after", after)?;
    let started = Instant::now();
    let delta = semantic_delta(Some(&before), Some(&after));
    println!("delta               {:>8.0} ms  {} nodes, {:?}", ms(started), delta.nodes.len(), delta.counts);
    println!("peak resident       {:>8} MB", peak_kb()? / 1_024);
    Ok(())
}

fn project(name: &str, path: &str) -> Result<ManifestProjection, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let started = Instant::now();
    let digest = Sha256Digest::of(&bytes);
    println!("{name}: sha256 of {} MB {:>6.0} ms", bytes.len() >> 20, ms(started));
    let started = Instant::now();
    let projection = ManifestProjection::from_manifest_with_digest(&bytes, digest)?;
    println!("{name}: projection  {:>8.0} ms  {} resources", ms(started), projection.resources().len());
    drop(bytes);
    let started = Instant::now();
    let mut cached = Vec::new();
    projection.write_cached(&mut cached)?;
    println!("{name}: write cache {:>8.0} ms  {} MB", ms(started), cached.len() >> 20);
    let started = Instant::now();
    let read = ManifestProjection::from_cached(&cached)?;
    println!("{name}: read cache  {:>8.0} ms", ms(started));
    assert_eq!(read, projection, "the cached form is the projection");
    Ok(projection)
}

fn ms(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1_000.0
}

fn peak_kb() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
