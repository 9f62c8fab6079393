//! `clyra verify`: checks a bundle offline, with nothing but the trust file.

use std::path::{Path, PathBuf};

use clyra_evidence::id::BundleId;
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::TRUST_BYTES_MAX;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_verify::bundle::{Options, verify_bundle};
use clyra_verify::explain::{explain, headline};

use crate::output::{self, Exit, Format};

/// `clyra verify FILE.zip --trust trust.json`
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The bundle: evidence.zip
    bundle: PathBuf,
    /// The trust file, obtained by another way than the bundle
    #[arg(long)]
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

impl Verify {
    /// Checks and prints.
    #[must_use]
    pub fn run(&self, format: Format) -> Exit {
        let read = |path: &Path, bytes_max: usize| match read_limited(path, bytes_max) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                let what = format!("{} cannot be read", path.display());
                output::problem(what, why, "name a file that exists and that you may read");
                None
            }
        };
        let (Some(bundle), Some(trust)) = (read(&self.bundle, ZIP_BYTES_MAX), read(&self.trust, TRUST_BYTES_MAX))
        else {
            return Exit::Failed;
        };
        let options = Options { at: self.at, bundle_id: self.bundle_id };
        let verification = verify_bundle(&bundle, &trust, &options);
        let report = verification.report();
        match format {
            Format::Json => output::json(report),
            Format::Text if self.explain => output::line(explain(report).trim_end()),
            Format::Text => {
                output::line(headline(report));
                output::line(output::styled("Every check: add --explain", output::DIM));
            }
        }
        if report.is_intact() { Exit::Ok } else { Exit::No }
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
