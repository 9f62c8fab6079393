//! The commands of a bundle's readme.txt, run as they stand there.

use std::process::Command;
use std::sync::Arc;

use clyra_evidence::role::Role;

use crate::house::House;
use crate::memory::InsecureSigner;
use crate::order::block_on;
use crate::scripted::{ACCOUNT, Api, Run};

#[test]
fn the_readme_checks_its_bundle_with_public_tools() {
    let run = |n| Run::hourly(n, "2026-11-02T08:00:00Z");
    let runs = [run(0), Run { sha: 'b', model: 2, ..run(1) }];
    let opened = block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-02T18:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        house.bundles().await.into_values().next().unwrap()
    });
    let readme = String::from_utf8(opened.files["readme.txt"].clone()).unwrap();
    for (path, bytes) in &opened.files {
        assert!(!readme.contains(path) || !bytes.is_empty(), "{path}");
    }
    let spki = String::from(InsecureSigner::new(5, Role::Verdict).public);

    let intact = check(&opened.files, &readme, &spki);
    assert!(intact.contains("Verified OK"), "{intact}");
    assert_eq!(intact.matches(": OK").count(), opened.files.len() - 1, "{intact}");
    assert!(!intact.contains("FAILED"), "{intact}");
    let keyid = InsecureSigner::new(5, Role::Verdict).public.id().to_string();
    assert_eq!(intact.matches(&keyid).count(), 2, "the digest of the key is the keyid: {intact}");

    let mut changed = opened.files.clone();
    changed.get_mut("facts.json").unwrap()[10] ^= 1;
    assert!(check(&changed, &readme, &spki).contains("facts.json: FAILED"));
    let mut forged = opened.files.clone();
    let manifest = String::from_utf8(forged["manifest.dsse.json"].clone()).unwrap();
    forged.insert("manifest.dsse.json".to_owned(), manifest.replacen("eyJ", "eyK", 1).into_bytes());
    assert!(!check(&forged, &readme, &spki).contains("Verified OK"));
}

/// Unpacks the files and runs every indented line of the readme, in a folder of its own.
fn check(files: &std::collections::BTreeMap<String, Vec<u8>>, readme: &str, spki: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, scratch) = (folder.path().join("bundle"), folder.path().join("scratch"));
    std::fs::create_dir(&scratch).unwrap();
    for (path, bytes) in files {
        let path = bundle.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let lines: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("   ")).collect();
    let script = lines.join("\n").replace("SPKI=\"\"", &format!("SPKI=\"{spki}\""));
    let script = script.replace("/tmp/", &format!("{}/", scratch.display()));
    let output = Command::new("sh").arg("-c").arg(&script).current_dir(&bundle).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
