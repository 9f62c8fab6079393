//! The commands of a bundle's readme.txt, run as they stand there.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::role::Role;

use crate::house::House;
use crate::memory::InsecureSigner;
use crate::order::block_on;
use crate::scripted::{ACCOUNT, Api, Run};

#[test]
fn the_readme_checks_its_bundle_with_public_tools() {
    let run = |n| Run::hourly(n, "2026-11-02T08:00:00Z");
    let runs = [run(0), Run { sha: 'b', model: 2, ..run(1) }];
    let (opened, trust) = block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-02T18:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        (house.bundles().await.into_values().next().unwrap(), house.trust)
    });
    let readme = String::from_utf8(opened.files["readme.txt"].clone()).unwrap();
    for (path, bytes) in &opened.files {
        assert!(!readme.contains(path) || !bytes.is_empty(), "{path}");
    }
    let intact = check(&opened.files, &readme, &trust);
    assert!(intact.contains("Verified OK"), "{intact}");
    assert_eq!(intact.matches(": OK").count(), opened.files.len() - 1, "{intact}");
    assert!(!intact.contains("FAILED") && !intact.contains("not found"), "{intact}");
    let keyid = InsecureSigner::new(5, Role::Verdict).public.id().to_string();
    assert_eq!(intact.matches(&keyid).count(), 2, "the digest of the key is the keyid: {intact}");
    assert!(intact.contains(r#""role":"verdict""#), "{intact}");
    assert!(intact.contains(&Sha256Digest::of(&trust).to_string()), "the fingerprint: {intact}");

    let mut changed = opened.files.clone();
    changed.get_mut("facts.json").unwrap()[10] ^= 1;
    assert!(check(&changed, &readme, &trust).contains("facts.json: FAILED"));
    let mut forged = opened.files.clone();
    let manifest = String::from_utf8(forged["manifest.dsse.json"].clone()).unwrap();
    forged.insert("manifest.dsse.json".to_owned(), manifest.replacen("eyJ", "eyK", 1).into_bytes());
    assert!(!check(&forged, &readme, &trust).contains("Verified OK"));
}

/// Unpacks the files and runs every command of the readme, which are its most indented lines, in a folder of its own, beside the trust file as it is
/// handed out.
fn check(files: &BTreeMap<String, Vec<u8>>, readme: &str, trust: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, scratch) = (folder.path().join("bundle"), folder.path().join("scratch"));
    std::fs::create_dir(&scratch).unwrap();
    let trust_path = folder.path().join("trust.json");
    std::fs::write(&trust_path, trust).unwrap();
    for (path, bytes) in files {
        let path = bundle.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("      ")).collect();
    let script = commands.join("\n");
    let script = script.replace("/tmp/", &format!("{}/", scratch.display()));
    let script = script.replace("TRUST=\"\"", &format!("TRUST=\"{}\"", trust_path.display()));
    let output = Command::new("sh").arg("-c").arg(&script).current_dir(&bundle).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
