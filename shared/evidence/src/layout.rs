//! Where the files of a change's bundle stand, and their media types (spec/def, section "Bundle"): the only place that
//! makes or reads these paths. A bundle may hold further files; its manifest lists them all.

use std::fmt;
use std::str::FromStr;

use crate::id::{Framework, ReceiptId};
use crate::manifest::MANIFEST_PATH;
use crate::zip::EntryPath;

/// A file that the format knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleFile {
    /// The manifest's envelope, which lists all others: `manifest.dsse.json`.
    Manifest,
    /// The envelope of a receipt: `receipts/<receiptId>.dsse.json`.
    Receipt(ReceiptId),
    /// The facts, each with its class: `facts.json`.
    Facts,
    /// What changed in the project, when two states could be compared: `semantic_delta.json`.
    SemanticDelta,
    /// The envelope of the query ids that a run claims, when it claims any: `warehouse_anchor.dsse.json`.
    WarehouseAnchor,
    /// The envelope of a framework's attestation: `attestations/<framework>.dsse.json`.
    Attestation(Framework),
    /// What was kept of the run's results: `test_results.json`.
    TestResults,
    /// The payload of the scope's envelope that was in force: `scope.json`.
    Scope,
    /// The work paper, with commitments instead of names: `workpaper.pdf`.
    WorkPaper,
    /// How to check the bundle with public tools: `readme.txt`.
    Readme,
}

impl BundleFile {
    /// The media type of the file (RFC 6838); envelopes as the DSSE registration says.
    #[must_use]
    pub const fn media_type(&self) -> &'static str {
        match self {
            Self::Manifest | Self::Receipt(_) | Self::WarehouseAnchor | Self::Attestation(_) => {
                "application/vnd.dsse.envelope.v1+json"
            }
            Self::Facts | Self::SemanticDelta | Self::TestResults | Self::Scope => "application/json",
            Self::WorkPaper => "application/pdf",
            Self::Readme => "text/plain",
        }
    }

    /// The path in the zip.
    #[must_use]
    pub fn path(&self) -> EntryPath {
        #[expect(
            clippy::expect_used,
            reason = "invariant: constants, hexadecimal digits and names of frameworks are paths"
        )]
        self.to_string().parse().expect("every bundle file has a path")
    }
}

impl fmt::Display for BundleFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str(MANIFEST_PATH),
            Self::Receipt(id) => write!(f, "receipts/{id}.dsse.json"),
            Self::Facts => f.write_str("facts.json"),
            Self::SemanticDelta => f.write_str("semantic_delta.json"),
            Self::WarehouseAnchor => f.write_str("warehouse_anchor.dsse.json"),
            Self::Attestation(framework) => write!(f, "attestations/{framework}.dsse.json"),
            Self::TestResults => f.write_str("test_results.json"),
            Self::Scope => f.write_str("scope.json"),
            Self::WorkPaper => f.write_str("workpaper.pdf"),
            Self::Readme => f.write_str("readme.txt"),
        }
    }
}

/// The path is not one that the format knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path that the bundle format knows")]
pub struct ParseBundleFileError;

impl FromStr for BundleFile {
    type Err = ParseBundleFileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fixed = [
            Self::Manifest,
            Self::Facts,
            Self::SemanticDelta,
            Self::WarehouseAnchor,
            Self::TestResults,
            Self::Scope,
            Self::WorkPaper,
            Self::Readme,
        ];
        if let Some(file) = fixed.into_iter().find(|file| file.to_string() == text) {
            return Ok(file);
        }
        let name = text.strip_suffix(".dsse.json").ok_or(ParseBundleFileError)?;
        match name.split_once('/') {
            Some(("receipts", id)) => id.parse().map(Self::Receipt).map_err(|_| ParseBundleFileError),
            Some(("attestations", framework)) => {
                framework.parse().map(Self::Attestation).map_err(|_| ParseBundleFileError)
            }
            _ => Err(ParseBundleFileError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;

    #[test]
    fn every_file_has_one_path() {
        let receipt = ReceiptId::from_digest(Sha256Digest::of(b"x"));
        let sox: Framework = "sox".parse().unwrap();
        for (file, path) in [
            (BundleFile::Manifest, "manifest.dsse.json".to_owned()),
            (BundleFile::Receipt(receipt), format!("receipts/{receipt}.dsse.json")),
            (BundleFile::Attestation(sox), "attestations/sox.dsse.json".to_owned()),
            (BundleFile::WorkPaper, "workpaper.pdf".to_owned()),
        ] {
            assert_eq!(file.path().as_str(), path);
            assert_eq!(path.parse(), Ok(file));
        }
        for bad in ["", "receipts/x.dsse.json", "attestations/SOX.dsse.json", "attestations/a/b.dsse.json", "facts"] {
            assert_eq!(bad.parse::<BundleFile>(), Err(ParseBundleFileError), "{bad}");
        }
    }
}
