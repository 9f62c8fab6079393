//! `clyra attest`: evaluates the controls again over a bundle's own facts and compares with what was signed.

use std::path::PathBuf;

use clyra_attest::attestation::Attestation;
use clyra_attest::{Catalogue, Parameters, attest_change};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::Statement;
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
    })
}

fn print(replayed: &Replayed, format: Format) -> Exit {
    let same = replayed.signed_sha256 == replayed.replayed_sha256;
    let headline = replayed.signed.headline;
    match format {
        Format::Json => output::json(&json!({
            "same": same,
            "signedSha256": replayed.signed_sha256,
            "replayedSha256": replayed.replayed_sha256,
            "attestation": replayed.signed,
        })),
        Format::Text => {
            for control in &replayed.signed.controls {
                let code = control.code.as_ref().map_or("", |code| code.as_str());
                let (word, style) = in_words(control.result);
                // Padded before it is styled: escapes have no width.
                let word = output::styled(format!("{word:<15}"), style);
                output::line(output::wrap(&format!("{}  {word} {code:<29} {}", control.id, control.title), 53));
            }
            output::line(format!(
                "\n{} tested, {}; {} not tested, {} not applicable.",
                output::count(headline.tested.into(), "attribute", "attributes"),
                output::count(headline.exceptions.into(), "exception", "exceptions"),
                headline.not_tested,
                headline.not_applicable
            ));
            let verdict = if same { "Replayed to the same bytes" } else { "Replayed to OTHER bytes" };
            output::line(format!("{verdict}: SHA-256 {}", replayed.replayed_sha256));
        }
    }
    if same { Exit::Ok } else { Exit::No }
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
