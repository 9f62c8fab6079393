//! `clyra redrive`: asks again for what is stuck.
//!
//! A running server does it itself, asked at its control socket. Without one the questions are written into the journal
//! of the data folder; they are durable there and worked on when the server starts.

use std::sync::Arc;

use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::text::visible;
use clyra_fn_census::Reconciled;
use clyra_ports::clock::SystemClock;
use clyra_service::vars::ProcessVars;

use crate::control::REDRIVE;
use crate::control::client::{self, Asked};
use crate::output::{self, Exit, Format, count};
use crate::redrive::{Redriven, Wanted, redrive};
use crate::setup::{Folder, Refusal};
use crate::stack::Stack;

/// Objects that are printed one by one.
const SHOWN_MAX: usize = 20;

/// `clyra redrive [--step NAME] [--object KEY]`
#[derive(Debug, clap::Args)]
pub struct Redrive {
    /// Only what this step set aside, such as `ticket`
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Only this object, whether it was set aside or not, as `clyra status` names it: `receipts/….json`
    #[arg(long, value_name = "KEY")]
    object: Option<ObjectKey>,
    #[command(flatten)]
    folder: Folder,
}

impl Redrive {
    /// Asks and prints: exit code 0 when it was asked for, 1 when what was named is not there, 2 when it failed.
    pub async fn run(&self, format: Format) -> Exit {
        let done = match self.ask().await {
            Ok(done) => done,
            Err(refusal) => return refusal.print(),
        };
        match format {
            Format::Json => output::json(&done),
            Format::Text => print(&done),
        }
        if done.not_found.is_some() { Exit::No } else { Exit::Ok }
    }

    async fn ask(&self) -> Result<Redriven, Refusal> {
        let wanted = Wanted { step: self.step.clone(), object: self.object.as_ref().map(ToString::to_string) };
        let setup = self.folder.read()?;
        let data = &setup.config.data;
        match client::ask(data, http::Method::POST, REDRIVE, &wanted).await {
            Asked::Answered(done) => return Ok(Redriven { running: true, ..done }),
            Asked::Refused(why) => {
                let what = "the server could not ask for it".to_owned();
                return Err(Refusal { what, why, to_do: "look into the server's log, then ask again" });
            }
            Asked::NobodyThere => {}
        }
        if !data.join("format").exists() {
            return Err(Refusal {
                what: "there is nothing to ask for".to_owned(),
                why: format!("{} holds no data of Clyra: no server was ever started over it", data.display()),
                to_do: "start clyra serve once, or name the folder with --data",
            });
        }
        if !setup.is_configured {
            return Err(Refusal {
                what: "no server runs, and there is no configuration to go by".to_owned(),
                why: format!("{} is not there", setup.path.display()),
                to_do: "name the configuration of this data folder with --config",
            });
        }
        let stack = Stack::build(setup.config, setup.scope, &ProcessVars, Arc::new(SystemClock)).await;
        let stack = stack.map_err(|error| Refusal {
            what: "the data folder cannot be used as clyra serve would use it".to_owned(),
            why: error.to_string(),
            to_do: "run clyra doctor: it says what is wrong; nothing was changed",
        })?;
        redrive(&stack, &wanted).await.map_err(|error| Refusal {
            what: "not everything was asked for".to_owned(),
            why: error.to_string(),
            to_do: "ask again: nothing is done twice",
        })
    }
}

fn print(done: &Redriven) {
    if let Some(why) = &done.not_found {
        output::line(format!("Nothing was asked for: {}.", visible(why)));
        return;
    }
    for asked in done.asked.iter().take(SHOWN_MAX) {
        let code = asked.code.as_deref().map(|code| format!(" (was set aside: {})", visible(code))).unwrap_or_default();
        output::line(format!("asked {} for {}{code}", asked.step, asked.object));
    }
    if done.asked.len() > SHOWN_MAX {
        output::line(format!("and for {} more: add --json", done.asked.len() - SHOWN_MAX));
    }
    if done.asked.is_empty() {
        output::line("Nothing had been set aside.");
    }
    if let Some(passed) = &done.reconciled {
        output::prose(format!(
            "The evidence was gone through: {} and {} asked for again, {} signed, {} still unsigned.",
            count(passed.receipts_sent, "receipt", "receipts"),
            count(passed.bundles_sent, "bundle", "bundles"),
            count(passed.signed, "delivery", "deliveries"),
            passed.still_pending
        ));
    }
    let nothing = done.asked.is_empty() && done.reconciled.as_ref().is_none_or(|found| *found == Reconciled::default());
    if nothing {
        return;
    }
    output::line(if done.running {
        "The server works on it now; clyra status shows what becomes of it."
    } else {
        "No server runs: it is worked on when clyra serve starts."
    });
}
