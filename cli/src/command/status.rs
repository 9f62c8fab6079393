//! `clyra status`: what is stuck, in plain words, and how everything else stands.
//!
//! A running server is asked at its control socket; without one the data folder is opened. Both ways it is the same code
//! that looks, and it needs no secret: status answers even when `serve` refuses to start.

mod words;

use std::sync::Arc;

use clyra_embedded::folder::OpenError;
use clyra_ports::clock::SystemClock;

use crate::control::STATUS;
use crate::control::client::{self, Asked};
use crate::output::{self, Exit, Format};
use crate::setup::{Folder, Refusal, Setup};
use crate::status::look;
use crate::status::report::Report;
use crate::view::{View, ViewError};

/// `clyra status [--config FILE] [--data DIR]`
#[derive(Debug, clap::Args)]
pub struct Status {
    #[command(flatten)]
    folder: Folder,
}

impl Status {
    /// Looks and prints: exit code 0 when nothing is stuck, 1 when something is, 2 when it could not be looked.
    pub async fn run(&self, format: Format) -> Exit {
        let report = match self.report().await {
            Ok(report) => report,
            Err(refusal) => return refusal.print(),
        };
        match format {
            Format::Json => output::json(&report),
            Format::Text => words::print(&report),
        }
        if report.stuck.is_empty() { Exit::Ok } else { Exit::No }
    }

    async fn report(&self) -> Result<Report, Refusal> {
        let setup = self.folder.read()?;
        match client::ask(&setup.config.data, http::Method::GET, STATUS, &()).await {
            Asked::Answered(report) => Ok(report),
            Asked::Refused(why) => {
                Err(Refusal { what: "the server could not look".to_owned(), why, to_do: "look into the server's log" })
            }
            Asked::NobodyThere => offline(setup).await,
        }
    }
}

async fn offline(setup: Setup) -> Result<Report, Refusal> {
    let view = View::open(setup.config, setup.scope, Arc::new(SystemClock)).await.map_err(|error| not_open(&error))?;
    let view = View { is_configured: setup.is_configured, ..view };
    look(&view, false).await.map_err(|error| Refusal {
        what: "the data folder could not be looked at".to_owned(),
        why: error.to_string(),
        to_do: "check that the disk is there and readable",
    })
}

/// Why a data folder cannot be opened, for people.
pub(super) fn not_open(error: &ViewError) -> Refusal {
    let to_do = match error {
        ViewError::NoData(_) => "start clyra serve once, or name the folder with --data",
        ViewError::Open(OpenError::Locked { .. }) => {
            "a server is starting or ending, or it has no control socket (its log says why); try again in a moment"
        }
        ViewError::Open(_) => "run clyra doctor: it says what is wrong with the folder",
        ViewError::Trust(_) => "whoever put the newest trust file there was not entitled to: find out who did",
        ViewError::Journal(_) | ViewError::Store(_) | ViewError::Io(_) => "check that the disk is there and readable",
    };
    Refusal { what: "there is nothing to look at".to_owned(), why: error.to_string(), to_do }
}
