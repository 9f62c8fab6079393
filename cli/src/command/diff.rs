//! `clyra diff`: what changed between two manifests of dbt, and why it matters.

mod markdown;
mod page;
mod read;
mod text;
mod told;
mod words;

use std::path::{Path, PathBuf};

use clyra_delta::compare::{SemanticDelta, semantic_delta};

use self::told::Told;
use crate::output::{self, Exit, Format, Look};
use crate::setup::Refusal;

/// `clyra diff --from OLD/manifest.json --to NEW/manifest.json`
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Diff {
    /// The earlier manifest.json, or the target folder that holds it; - reads standard input, .gz is understood
    #[arg(long, value_name = "MANIFEST")]
    from: PathBuf,
    /// The later one
    #[arg(long, value_name = "MANIFEST")]
    to: PathBuf,
    /// Print Markdown for a comment on a pull request
    #[arg(long)]
    markdown: bool,
    /// Write one self-contained page; - prints it instead of the answer
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

const AFTER_HELP: &str = "Exit code: 0 nothing changed, 1 something did, 2 it cannot be told.";

impl Diff {
    /// Compares and prints.
    #[must_use]
    pub fn run(&self, format: Format) -> Exit {
        if let Err(refusal) = self.check(format) {
            return refusal.print();
        }
        let delta = self.compare();
        let told = delta.as_ref().map_err(Clone::clone).and_then(Told::of);
        if let Err(refusal) = self.write(delta.as_ref().ok(), &told, format) {
            return refusal.print();
        }
        match (told, delta) {
            (Err(refusal), _) | (_, Err(refusal)) => refusal.print(),
            (Ok(_), Ok(delta)) if told::is_change(&delta) => Exit::No,
            (Ok(_), Ok(_)) => Exit::Ok,
        }
    }

    fn check(&self, format: Format) -> Result<(), Refusal> {
        let stdin = Path::new(read::STDIN);
        if self.from == stdin && self.to == stdin {
            return Err(Refusal {
                what: "both manifests are to be read from standard input".to_owned(),
                why: "there is only one".to_owned(),
                to_do: "name one of the two as a file",
            });
        }
        let forms = [format == Format::Json, self.markdown, self.prints_page()];
        if forms.into_iter().filter(|wanted| *wanted).count() > 1 {
            return Err(Refusal {
                what: "more than one form is to be printed".to_owned(),
                why: "--json, --markdown and --html - each take the whole of standard output".to_owned(),
                to_do: "ask for one of them; --html FILE can stand beside the others",
            });
        }
        Ok(())
    }

    fn prints_page(&self) -> bool {
        self.html.as_deref() == Some(Path::new(read::STDIN))
    }

    fn compare(&self) -> Result<SemanticDelta, Refusal> {
        let before = read::manifest(&self.from)?;
        let after = read::manifest(&self.to)?;
        Ok(semantic_delta(Some(&before), Some(&after)))
    }

    /// Writes the answer in every form that is asked for, or why there is none.
    fn write(
        &self,
        delta: Option<&SemanticDelta>,
        told: &Result<Told, Refusal>,
        format: Format,
    ) -> Result<(), Refusal> {
        let page = || told.as_ref().map_or_else(page::refusal, page::draw);
        if let Some(path) = self.html.as_deref().filter(|_| !self.prints_page()) {
            std::fs::write(path, page()).map_err(|error| unwritten(&path.display().to_string(), &error))?;
        }
        let printed = match (format, told, delta) {
            // As a bundle carries it, so that the two can be compared by their digests.
            (Format::Json, _, Some(delta)) => serde_json::to_vec(delta).map_err(std::io::Error::from),
            (Format::Json, _, None) => return Ok(()),
            _ if self.markdown => Ok(told.as_ref().map_or_else(markdown::refusal, markdown::draw).into_bytes()),
            _ if self.prints_page() => Ok(page().into_bytes()),
            (_, Ok(told), _) => Ok(text::draw(told, Look::of_stdout()).into_bytes()),
            (_, Err(_), _) => return Ok(()),
        };
        printed.and_then(|bytes| output::document(&bytes)).map_err(|error| unwritten("standard output", &error))
    }
}

fn unwritten(name: &str, error: &std::io::Error) -> Refusal {
    Refusal {
        what: format!("{name} was not written"),
        why: error.to_string(),
        to_do: "name a file that you may write to, on a disk that is not full",
    }
}
