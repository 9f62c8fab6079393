//! `clyra badge`: takes a badge back, or gives it back.

use std::sync::Arc;

use clyra_evidence::id::{Framework, Slug};
use clyra_evidence::text::visible;
use clyra_fn_badge::registry::Reason;
use clyra_ports::clock::SystemClock;

use super::status::not_open;
use crate::control::BADGE;
use crate::control::client::{self, Asked};
use crate::output::{self, Exit, Format};
use crate::revoke::{Done, Wanted, apply};
use crate::setup::{Folder, Refusal};
use crate::view::View;

/// `clyra badge revoke --framework sox --project SLUG --reason CODE` and `clyra badge restore …`
#[derive(Debug, clap::Args)]
pub struct Badge {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Take a badge back: it turns grey and says "revoked", and its token is not handed out any more
    Revoke {
        #[command(flatten)]
        of: Of,
        /// Why, as one of the known codes: ISSUED_IN_ERROR, EVIDENCE_DISPUTED, KEY_COMPROMISED, OUT_OF_SCOPE
        #[arg(long, value_name = "CODE", value_parser = reason)]
        reason: Reason,
        #[command(flatten)]
        folder: Folder,
    },
    /// Give a badge back: it says again what its newest attestation says
    Restore {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The framework
    #[arg(long, value_name = "NAME", default_value = "sox")]
    framework: Framework,
    /// The project's slug, as scope.yaml names it
    #[arg(long, value_name = "SLUG")]
    project: Slug,
}

fn reason(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.iter().find(|reason| reason.as_str() == text);
    known.copied().ok_or_else(|| {
        let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("the known codes are {}", all.join(", "))
    })
}

impl Badge {
    /// Asks and prints: exit code 0 when it was done, 1 when there is no such badge, 2 when it failed.
    pub async fn run(&self, format: Format) -> Exit {
        let (of, reason, folder) = match &self.action {
            Action::Revoke { of, reason, folder } => (of, Some(*reason), folder),
            Action::Restore { of, folder } => (of, None, folder),
        };
        let wanted = Wanted { framework: of.framework.clone(), project: of.project.clone(), reason };
        let done = match ask(folder, &wanted).await {
            Ok(done) => done,
            Err(refusal) => return refusal.print(),
        };
        match format {
            Format::Json => output::json(&done),
            Format::Text => print(&done),
        }
        if done.not_found.is_some() { Exit::No } else { Exit::Ok }
    }
}

async fn ask(folder: &Folder, wanted: &Wanted) -> Result<Done, Refusal> {
    let setup = folder.read()?;
    match client::ask(&setup.config.data, http::Method::POST, BADGE, wanted).await {
        Asked::Answered(done) => return Ok(done),
        Asked::Refused(why) => {
            let what = "the server could not do it".to_owned();
            return Err(Refusal { what, why, to_do: "look into the server's log, then ask again" });
        }
        Asked::NobodyThere => {}
    }
    let view = View::open(setup.config, setup.scope, Arc::new(SystemClock)).await.map_err(|error| not_open(&error))?;
    apply(&view, wanted).await.map_err(|error| Refusal {
        what: "the badge stays as it is".to_owned(),
        why: error.to_string(),
        to_do: "check that the disk is there, writable and not full, then ask again",
    })
}

fn print(done: &Done) {
    output::line(match (&done.not_found, done.revoked_for) {
        (Some(why), _) => format!("Nothing was done: {}.", visible(why)),
        (None, Some(reason)) => format!("The badge {} is revoked ({}).", done.badge, reason.as_str()),
        (None, None) => format!("The badge {} says again what its newest attestation says.", done.badge),
    });
}
