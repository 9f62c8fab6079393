//! The data folder: rights, room, format, what somebody did to it by hand; and the key files.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clyra_config::Config;
use clyra_embedded::folder::{DISK_USED_PERCENT_MAX, FORMAT};
use clyra_embedded::inspect::{Finding, inspect};

use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::scope::Scope;

use super::diagnosis::Area;
use crate::command::verify::read_limited;

/// What stands in a data folder besides evidence.
const KNOWN: [&str; 9] =
    ["control.sock", "evidence", "format", "format.unfinished", "journal", "keys", "lock", "retention", "tables"];
/// Files of one kind that are named one by one.
const SHOWN_MAX: usize = 3;
/// The roles whose private keys a server signs with every day.
const ROLES: [&str; 3] = ["receipt", "verdict", "token"];

pub(super) fn examine(config: &Config, scope: Option<&Scope>) -> Vec<Area> {
    let mut area = Area::new("data folder");
    let root = &config.data;
    if !root.exists() {
        area.ok(format!("{} is not there yet; clyra serve makes it", root.display()));
        return vec![area];
    }
    match format(root) {
        Ok(()) => area.ok(format!("{} has format {FORMAT}", root.display())),
        Err((why, todo)) => {
            area.problem(format!("{} cannot be used", root.display()), why, todo);
            return vec![area];
        }
    }
    retention(root, config.retention_days, &mut area);
    if let Some(scope) = scope {
        signed_scope(root, scope, &mut area);
    }
    match inspect(root, DISK_USED_PERCENT_MAX) {
        Ok(findings) => of_inspection(&findings, &mut area),
        Err(error) => area.problem(
            format!("{} cannot be read", root.display()),
            error.to_string(),
            "run doctor as the user that runs clyra serve, and check the disk",
        ),
    }
    foreign(root, &mut area);
    vec![area, keys(&root.join("keys"))]
}

fn format(root: &Path) -> Result<(), (String, &'static str)> {
    match fs::read_to_string(root.join("format")) {
        Ok(text) => match text.trim_end().strip_prefix("clyra-data ").and_then(|n| n.parse::<u32>().ok()) {
            Some(FORMAT) => Ok(()),
            Some(found) if found > FORMAT => Err((
                format!("a newer version wrote it: its format is {found}, this version knows {FORMAT}"),
                "use the newer version",
            )),
            _ => Err(("its format marker is damaged".to_owned(), "restore the file named format from your backup")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none());
            if is_empty {
                return Ok(());
            }
            Err((
                "it is not empty and holds no format marker, so it was not made by Clyra or lost its marker".to_owned(),
                "name another folder under data:, or restore this one whole",
            ))
        }
        Err(error) => Err((error.to_string(), "run doctor as the user that runs clyra serve")),
    }
}

/// The last line of the record is what is promised.
fn retention(root: &Path, asked: u32, area: &mut Area) {
    let text = fs::read_to_string(root.join("retention")).unwrap_or_default();
    let recorded = text.lines().next_back().and_then(|line| line.split_once(' ')?.1.parse::<u32>().ok());
    if let Some(recorded) = recorded.filter(|recorded| *recorded > asked) {
        area.problem(
            format!("retentionDays is {asked}, but this folder promises {recorded} days"),
            "a promise once made cannot be shortened: clyra serve does not start",
            format!("set retentionDays to {recorded} or more"),
        );
    }
}

/// A version of the scope that was signed stays as it is; a changed file needs a higher number.
fn signed_scope(root: &Path, scope: &Scope, area: &mut Area) {
    let entries = fs::read_dir(root.join("evidence/scopes")).into_iter().flatten().filter_map(Result::ok);
    let versions = entries.filter_map(|entry| entry.path().file_stem()?.to_str()?.parse::<u32>().ok());
    let Some(newest) = versions.max() else { return };
    let (version, raise) = (scope.version, format!("set version: {} in the scope file", newest.saturating_add(1)));
    let why = "clyra serve does not start: every change of the scope is put on record under a number of its own";
    if version < newest {
        area.problem(
            format!("the scope file has version {version}, and version {newest} is signed already"),
            why,
            raise,
        );
    } else if version == newest && scope_of_version(root, newest).is_none_or(|signed| signed != *scope) {
        area.problem(format!("the scope file differs from version {version} as it was signed"), why, raise);
    }
}

fn scope_of_version(root: &Path, version: u32) -> Option<Scope> {
    let path = root.join(format!("evidence/{}", ObjectKey::Scope(version)));
    let envelope = Envelope::from_bytes(&read_limited(&path, ENVELOPE_BYTES_MAX).ok()?).ok()?;
    let mut statement: serde_json::Value = serde_json::from_slice(envelope.unverified_payload()).ok()?;
    serde_json::from_value(statement.get_mut("predicate")?.take()).ok()
}

fn of_inspection(findings: &[Finding], area: &mut Area) {
    let (mut writable, mut unknown) = (Vec::new(), Vec::new());
    for finding in findings {
        match finding {
            Finding::Writable { path, .. } => writable.push(path.display().to_string()),
            Finding::Foreign { path } => unknown.push(path.display().to_string()),
            Finding::Open { path, mode } => area.problem(
                format!("{} has mode {mode:o}", path.display()),
                "other users of this machine can enter it; signing keys are inside",
                format!("chmod 700 {}", path.display()),
            ),
            Finding::DiskUsed { percent } => area.problem(
                format!("the disk is {percent} % full"),
                format!("from {DISK_USED_PERCENT_MAX} % on every webhook is answered 503: nothing could be kept"),
                "make room or move the data folder to a larger disk",
            ),
        }
    }
    if !writable.is_empty() {
        area.problem(
            format!("{} of evidence can be written to: {}", files(writable.len()), some(&writable)),
            "evidence is read-only from its first moment; somebody changed that. Its signature still tells what it says",
            "find out who did it, verify the files, then chmod 400 them",
        );
    }
    if !unknown.is_empty() {
        area.warn(
            format!("{} among the evidence that Clyra did not write: {}", files(unknown.len()), some(&unknown)),
            "nothing reads them, and an auditor will ask what they are",
            "move them out of the data folder",
        );
    }
    if findings.is_empty() {
        area.ok("evidence is read-only and nothing foreign is among it");
    }
}

fn foreign(root: &Path, area: &mut Area) {
    let Ok(entries) = fs::read_dir(root) else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let unknown: Vec<String> = names.filter(|name| !KNOWN.contains(&name.as_str())).collect();
    if !unknown.is_empty() {
        area.warn(
            format!("{} in the data folder that Clyra did not put there: {}", files(unknown.len()), some(&unknown)),
            "a newer version may have made them, or somebody keeps things here that belong elsewhere",
            "move them away if they are yours",
        );
    }
}

fn keys(dir: &Path) -> Area {
    let mut area = Area::new("keys");
    for role in ROLES {
        let (private, public) = (dir.join(format!("{role}.pem")), dir.join(format!("{role}.pub.pem")));
        if public.exists() && !private.exists() {
            area.problem(
                format!("{} is missing, and its public key is there", private.display()),
                "a new key would sign what no trust file knows: clyra serve does not start",
                "restore the file from your backup",
            );
        }
    }
    let mut private = 0;
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_private = (name.ends_with(".pem") && !name.ends_with(".pub.pem")) || name.ends_with(".hex");
        let Some(mode) = fs::metadata(&path).ok().map(|metadata| metadata.permissions().mode() & 0o7777) else {
            continue;
        };
        private += usize::from(is_private);
        if is_private && mode & 0o077 != 0 {
            area.problem(
                format!("{} has mode {mode:o}", path.display()),
                "others can read a private key; what it signed since may not be yours",
                "find out who could read it, replace the key or chmod 600 it; clyra serve does not start as it is",
            );
        }
    }
    if area.is_fine() && private > 0 {
        area.ok("private keys can be read by their owner only");
    }
    if dir.join("root.pem").exists() {
        area.warn(
            format!("the root key lies on this machine: {}", dir.join("root.pem").display()),
            "it signs the trust file, by which everything else is believed; a server never needs it after its first start",
            "move it to two offline media (leave root.pub.pem here), and bring it back only to add or retire keys",
        );
    }
    area
}

fn files(n: usize) -> String {
    super::configuration::plural(n, "file")
}

fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN_MAX { format!("{shown}, …") } else { shown }
}
