//! `clyra status`: what is stuck, in plain words, and how everything else stands.
//!
//! A running server is asked at its control socket; without one the data folder is opened. Both ways it is the same code
//! that looks, and it needs no secret: status answers even when `serve` refuses to start.

mod advice;
mod findings;
mod look;
mod projects;
pub mod report;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clyra_config::Config;
use clyra_embedded::folder::OpenError;
use clyra_evidence::scope::Scope;
use clyra_ports::clock::SystemClock;

pub use look::{LookError, look};

use self::report::Report;
use crate::control::{self, Asked};
use crate::output::{self, Exit, Format};
use crate::sight::{Sight, SightError};

/// `clyra status [--config FILE] [--data DIR]`
#[derive(Debug, clap::Args)]
pub struct Status {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "clyra.yaml")]
    config: PathBuf,
    /// The data folder, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Status {
    /// Looks and prints: exit code 0 when nothing is stuck, 1 when something is, 2 when it could not be looked.
    pub async fn run(&self, format: Format) -> Exit {
        let report = match self.report().await {
            Ok(report) => report,
            Err(Refusal { what, why, to_do }) => {
                output::problem(what, why, to_do);
                return Exit::Failed;
            }
        };
        match format {
            Format::Json => output::json(&report),
            Format::Text => words::print(&report),
        }
        if report.stuck.is_empty() { Exit::Ok } else { Exit::No }
    }

    async fn report(&self) -> Result<Report, Refusal> {
        let (config, scope) = configuration(&self.config, self.data.as_deref())?;
        let is_configured = self.config.exists();
        match control::ask(&config.data, http::Method::GET, "/status", &()).await {
            Asked::Answered(report) => Ok(report),
            Asked::Refused(why) => {
                Err(Refusal { what: "the server could not look".to_owned(), why, to_do: "look into the server's log" })
            }
            Asked::NobodyThere => offline(config, scope, is_configured).await,
        }
    }
}

/// Why a command cannot be carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: String,
    /// What to do.
    pub(crate) to_do: &'static str,
}

/// The configuration with its scope. With `--data` alone, a folder can be looked at whose configuration is elsewhere.
pub(crate) fn configuration(path: &Path, data: Option<&Path>) -> Result<(Config, Option<Scope>), Refusal> {
    let unusable = |why: String| Refusal {
        what: format!("{} cannot be used", path.display()),
        why,
        to_do: "correct the file or name another with --config; clyra doctor lists every mistake",
    };
    let (mut config, scope) = if data.is_some() && !path.exists() {
        (Config::default(), None)
    } else {
        let config = Config::read(path).map_err(|error| unusable(error.to_string()))?;
        let scope = config.read_scope(Some(path)).map_err(|error| unusable(error.to_string()))?;
        (config, scope)
    };
    if let Some(data) = data {
        config.data = data.to_owned();
    }
    Ok((config, scope))
}

async fn offline(config: Config, scope: Option<Scope>, is_configured: bool) -> Result<Report, Refusal> {
    let sight = Sight::open(config, scope, Arc::new(SystemClock)).await.map_err(|error| refusal(&error))?;
    let sight = Sight { is_configured, ..sight };
    look(&sight, false).await.map_err(|error| Refusal {
        what: "the data folder could not be looked at".to_owned(),
        why: error.to_string(),
        to_do: "check that the disk is there and readable",
    })
}

/// Why a data folder cannot be opened, for people.
pub(crate) fn refusal(error: &SightError) -> Refusal {
    let to_do = match error {
        SightError::NoData(_) => "start clyra serve once, or name the folder with --data",
        SightError::Open(OpenError::Locked { .. }) => {
            "a server is starting or ending, or it has no control socket (its log says why); try again in a moment"
        }
        SightError::Open(_) => "run clyra doctor: it says what is wrong with the folder",
        SightError::Trust(_) => "whoever put the newest trust file there was not entitled to: find out who did",
        SightError::Journal(_) | SightError::Store(_) | SightError::Io(_) => {
            "check that the disk is there and readable"
        }
    };
    Refusal { what: "there is nothing to look at".to_owned(), why: error.to_string(), to_do }
}
