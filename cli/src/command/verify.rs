//! `clyra verify`: checks a bundle, or a signed document that stands alone, offline and with nothing but the trust file.

use std::path::{Path, PathBuf};

use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::id::BundleId;
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::TRUST_BYTES_MAX;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_verify::bundle::{Options, verify_bundle};
use clyra_verify::explain::{explain, headline};
use clyra_verify::{Report, verify_envelope, verify_receipt};

use crate::output::{self, Exit, Format};

/// `clyra verify FILE.zip --trust trust.json`, or `clyra verify --document FILE.json --trust trust.json`
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The bundle: evidence.zip
    #[arg(required_unless_present = "document")]
    bundle: Option<PathBuf>,
    /// Instead of a bundle, one signed document as it stands in the evidence store
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "at"])]
    document: Option<PathBuf>,
    /// What the document must be; without it, what it says of itself is taken and printed
    #[arg(long, requires = "document")]
    kind: Option<Kind>,
    /// The trust file, obtained by another way than the bundle
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Show every check, not only the result
    #[arg(long)]
    explain: bool,
    /// Look at the bundle as of this time (RFC 3339): what claims to be from later fails
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// The bundle that it must be, as the ticket names it: another revision fails
    #[arg(long, value_name = "HEX")]
    bundle_id: Option<BundleId>,
}

/// What a document that stands alone can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The receipt of one delivery
    Receipt,
    /// The rollup of a day's runs
    Rollup,
    /// The census of a day
    Census,
    /// The attestation of a period
    Attestation,
    /// A version of the scope
    Scope,
}

impl Kind {
    const fn predicate(self) -> PredicateName {
        match self {
            Self::Receipt => PredicateName::DataReceipt,
            Self::Rollup => PredicateName::OperationsRollup,
            Self::Census => PredicateName::CensusDay,
            Self::Attestation => PredicateName::AttestationSox,
            Self::Scope => PredicateName::Scope,
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Receipt => "the receipt of one delivery",
            Self::Rollup => "the rollup of a day's runs",
            Self::Census => "the census of a day",
            Self::Attestation => "the attestation of a period",
            Self::Scope => "a version of the scope",
        }
    }

    /// What an envelope says that it holds. Nothing is believed by it: it only picks which kind is asked for.
    fn claimed(bytes: &[u8]) -> Option<Self> {
        let envelope = Envelope::from_bytes(bytes).ok()?;
        let statement: serde_json::Value = serde_json::from_slice(envelope.unverified_payload()).ok()?;
        let kind = statement["predicateType"].as_str()?.to_owned();
        let all = <Self as clap::ValueEnum>::value_variants().iter();
        all.copied().find(|known| kind.split('/').rev().nth(1) == Some(known.predicate().as_str()))
    }
}

impl Verify {
    /// Checks and prints.
    #[must_use]
    pub fn run(&self, format: Format) -> Exit {
        let file = match (&self.bundle, &self.document) {
            (Some(bundle), _) => read(bundle, ZIP_BYTES_MAX),
            (None, Some(document)) => read(document, ENVELOPE_BYTES_MAX),
            (None, None) => None,
        };
        let (Some(file), Some(trust)) = (file, read(&self.trust, TRUST_BYTES_MAX)) else { return Exit::Failed };
        if self.document.is_none() {
            let options = Options { at: self.at, bundle_id: self.bundle_id };
            return self.print(verify_bundle(&file, &trust, &options).report(), None, format);
        }
        let kind = self.kind.or_else(|| Kind::claimed(&file));
        match kind {
            Some(Kind::Receipt) => self.print(verify_receipt(&file, &trust).report(), kind, format),
            // What says nothing of itself that is known fails as any kind, and for its own reason.
            kind => {
                let predicate = kind.unwrap_or(Kind::Attestation).predicate();
                self.print(verify_envelope(&file, &trust, predicate).report(), kind, format)
            }
        }
    }

    fn print(&self, report: &Report, kind: Option<Kind>, format: Format) -> Exit {
        match format {
            Format::Json => output::json(report),
            Format::Text if self.explain => output::prose(explain(report).trim_end()),
            Format::Text => output::prose(headline(report)),
        }
        if format == Format::Text {
            if let Some(kind) = kind.filter(|_| report.is_intact()) {
                output::line(format!("It is {}.", kind.in_words()));
            }
            if !self.explain {
                output::line(output::styled("Every check: add --explain", output::DIM));
            }
        }
        if report.is_intact() { Exit::Ok } else { Exit::No }
    }
}

fn read(path: &Path, bytes_max: usize) -> Option<Vec<u8>> {
    match read_limited(path, bytes_max) {
        Ok(bytes) => Some(bytes),
        Err(why) => {
            let what = format!("{} cannot be read", path.display());
            output::problem(what, why, "name a file that exists and that you may read");
            None
        }
    }
}

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// In words, when it cannot be read or is larger.
pub fn read_limited(path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    use std::io::Read as _;

    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > bytes_max {
        return Err(format!("it is larger than {bytes_max} bytes"));
    }
    Ok(bytes)
}
