//! `clyra attest`: evaluates the controls again over a bundle's own facts and compares with what was signed.

use std::path::PathBuf;

use clyra_attest::attestation::Attestation;
use clyra_attest::{Catalogue, Parameters, attest_change};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::Statement;
use clyra_evidence::text::visible;
use clyra_evidence::trust::TRUST_BYTES_MAX;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_verify::bundle::{Bundle, Options, verify_bundle};
use serde_json::json;

use super::verify::read_limited;
use crate::output::{self, Exit, Format};

/// `clyra attest FILE.zip --framework sox --trust trust.json`
#[derive(Debug, clap::Args)]
pub struct Attest {
    /// The bundle: evidence.zip
    bundle: PathBuf,
    /// The framework
    #[arg(long, value_name = "NAME", default_value = "sox")]
    framework: String,
    /// The trust file, obtained by another way than the bundle
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

impl Attest {
    /// Replays and prints.
    #[must_use]
    pub fn run(&self, format: Format) -> Exit {
        let read = |path: &PathBuf, bytes_max| {
            read_limited(path, bytes_max).map_err(|why| format!("{}: {why}", path.display()))
        };
        let files = read(&self.bundle, ZIP_BYTES_MAX).and_then(|b| Ok((b, read(&self.trust, TRUST_BYTES_MAX)?)));
        let (bundle, trust) = match files {
            Ok(files) => files,
            Err(why) => {
                output::problem("a file cannot be read", why, "name files that exist and that you may read");
                return Exit::Failed;
            }
        };
        let verification = verify_bundle(&bundle, &trust, &Options::default());
        let Some(verified) = verification.verified() else {
            let why = clyra_verify::explain::headline(verification.report());
            output::problem("the bundle is not intact", why, "run clyra verify with --explain to see every check");
            return Exit::No;
        };
        match replay(verified.get(), &self.framework) {
            Ok(replayed) => print(&replayed, format),
            Err(why) => {
                output::problem("the attestation cannot be replayed", why, "use the version of clyra that made it");
                Exit::Failed
            }
        }
    }
}

/// An attestation and what came of evaluating it again.
struct Replayed {
    signed: Attestation,
    /// What came of it here: its titles are those of our own catalogue.
    replayed: Attestation,
    signed_sha256: Sha256Digest,
    replayed_sha256: Sha256Digest,
}

fn replay(bundle: &Bundle<'_>, framework: &str) -> Result<Replayed, String> {
    let catalogue = Catalogue::sox_cm();
    if catalogue.framework() != framework {
        return Err(format!("this version knows the framework {} only", catalogue.framework()));
    }
    let document = bundle.attestation(framework).ok_or("the bundle holds no attestation of this framework")?;
    let signed: Attestation = serde_json::from_value(document.predicate.clone()).map_err(|error| error.to_string())?;
    if signed.catalogue.sha256 != *catalogue.digest() {
        let theirs = format!("{} {}", signed.catalogue.id, signed.catalogue.version);
        return Err(format!("it was made with the catalogue {theirs}, this version holds {}", catalogue.version()));
    }
    let facts = bundle.facts().ok_or("the bundle holds no facts")?;
    let change = &bundle.manifest().change;
    let parameters = match bundle.file(&BundleFile::Scope) {
        None => Parameters::new(),
        Some(payload) => {
            let scope: Statement<Scope> = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
            Parameters::of_change(&scope.predicate, &change.connection, &change.project.id, &change.environment.id)
        }
    };
    let replayed = attest_change(&catalogue, &change.change_id, facts, &parameters);
    Ok(Replayed {
        signed_sha256: Sha256Digest::of(&signed.to_bytes()),
        replayed_sha256: Sha256Digest::of(&replayed.to_bytes()),
        signed,
        replayed,
    })
}

fn print(replayed: &Replayed, format: Format) -> Exit {
    let same = replayed.signed_sha256 == replayed.replayed_sha256;
    match format {
        Format::Json => output::json(&json!({
            "same": same,
            "signedSha256": replayed.signed_sha256,
            "replayedSha256": replayed.replayed_sha256,
            "attestation": replayed.signed,
        })),
        Format::Text => words(replayed).iter().for_each(output::line),
    }
    if same { Exit::Ok } else { Exit::No }
}

/// What a person reads. What was signed and did not come from these rules is not shown as if it were a result of theirs.
fn words(replayed: &Replayed) -> Vec<String> {
    let Replayed { replayed, signed_sha256, replayed_sha256, .. } = replayed;
    if signed_sha256 != replayed_sha256 {
        return vec![
            format!("Replayed to OTHER bytes: SHA-256 {replayed_sha256}"),
            format!("        what was signed: SHA-256 {signed_sha256}"),
        ];
    }
    let headline = replayed.headline;
    let mut lines: Vec<String> = replayed
        .controls
        .iter()
        .map(|control| {
            let code = control.code.as_ref().map_or("", |code| code.as_str());
            let (word, style) = in_words(control.result);
            // Padded before it is styled: escapes have no width.
            let word = output::styled(format!("{word:<15}"), style);
            let line = format!("{}  {word} {:<29} {}", visible(&control.id), visible(code), visible(&control.title));
            output::wrap(&line, 53)
        })
        .collect();
    lines.push(format!(
        "\n{} tested, {}; {} not tested, {} not applicable.",
        output::count(headline.tested.into(), "attribute", "attributes"),
        output::count(headline.exceptions.into(), "exception", "exceptions"),
        headline.not_tested,
        headline.not_applicable
    ));
    lines.push(format!("Replayed to the same bytes: SHA-256 {replayed_sha256}"));
    lines
}

/// A result as readers see it.
#[must_use]
pub fn in_words(outcome: clyra_attest::catalogue::Outcome) -> (&'static str, anstyle::Style) {
    use clyra_attest::catalogue::Outcome;
    match outcome {
        Outcome::Pass => ("no exception", output::GOOD),
        Outcome::Fail => ("exception", output::BAD),
        Outcome::Unknown => ("not tested", output::OPEN),
        Outcome::Na => ("not applicable", output::DIM),
    }
}

#[cfg(test)]
mod tests {
    use clyra_evidence::fact::Facts;

    use super::*;

    #[test]
    fn what_others_signed_is_not_shown_as_a_result_of_ours() {
        let change = Sha256Digest::of(b"a change").to_string().parse().unwrap();
        let ours = attest_change(&Catalogue::sox_cm(), &change, &Facts::default(), &Parameters::new());
        let told = |signed: Attestation| {
            words(&Replayed {
                signed_sha256: Sha256Digest::of(&signed.to_bytes()),
                replayed_sha256: Sha256Digest::of(&ours.to_bytes()),
                replayed: ours.clone(),
                signed,
            })
            .join("\n")
        };
        let mut hostile = ours.clone();
        hostile.controls[0].title = "\u{1b}[2Jno exception".to_owned();
        let said = told(hostile);
        assert!(said.starts_with("Replayed to OTHER bytes") && !said.contains("no exception"), "{said}");
        let said = told(ours.clone());
        assert!(
            said.contains(&ours.controls[0].title) && said.ends_with(&Sha256Digest::of(&ours.to_bytes()).to_string())
        );
    }
}
