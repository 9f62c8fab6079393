//! `clyra doctor`: what is misconfigured, in plain words, before it hurts.
//!
//! Everything that can be said without a network is said without one; every question to another system reads, and is asked as
//! the server would ask it, within a few seconds (a warehouse has half a minute); one that fails says so and fails no other.

mod ask;
mod configuration;
mod controls;
mod dbt;
pub mod diagnosis;
mod folder;
mod secrets;
mod servicenow;
mod warehouse;
mod webhooks;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clyra_attest::Catalogue;
use clyra_config::Config;
use clyra_evidence::scope::Scope;
use clyra_outbound::Outbound;
use clyra_ports::clock::{Clock, SystemClock};
use clyra_service::vars::{ProcessVars, Vars};

use self::controls::Connected;
use self::diagnosis::{Area, Diagnosis};
use crate::output::{self, Exit, Format};
use crate::stack;

/// `clyra doctor [--config FILE] [--offline]`
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "clyra.yaml")]
    config: PathBuf,
    /// Ask no other system
    #[arg(long)]
    offline: bool,
}

impl Doctor {
    /// Examines and prints: exit code 0 when there is no problem, 1 when there is one.
    pub async fn run(&self, format: Format) -> Exit {
        let diagnosis = examine(&self.config, &ProcessVars, Arc::new(SystemClock), !self.offline).await;
        match format {
            Format::Json => output::json(&diagnosis),
            Format::Text => words::print(&diagnosis),
        }
        if diagnosis.problems == 0 { Exit::Ok } else { Exit::No }
    }
}

/// Examines the deployment that the file at `path` describes; without `network` nothing is sent anywhere.
pub async fn examine(path: &Path, vars: &dyn Vars, clock: Arc<dyn Clock>, network: bool) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    let catalogue = Catalogue::sox_cm();
    if !path.exists() {
        let mut area = Area::new("configuration");
        area.problem(
            format!("{} is not there", path.display()),
            "clyra serve reads its connections and targets from it",
            "write one (docs/connect-dbt-cloud.md has one to start from), or name it with --config",
        );
        diagnosis.take(area);
        return diagnosis;
    }
    let (area, read) = configuration::read(path, &catalogue);
    diagnosis.take(area);
    let Some((config, scope)) = read else { return diagnosis };
    diagnosis.take(secrets::examine(&config, vars));
    folder::examine(&config, scope.as_ref()).into_iter().for_each(|area| diagnosis.take(area));
    let connected = ask_others(&mut diagnosis, &config, scope.as_ref(), vars, &clock, network).await;
    diagnosis.controls = Some(controls::examine(&catalogue, scope.as_ref(), &connected));
    diagnosis
}

async fn ask_others(
    diagnosis: &mut Diagnosis,
    config: &Config,
    scope: Option<&Scope>,
    vars: &dyn Vars,
    clock: &Arc<dyn Clock>,
    network: bool,
) -> Connected {
    let mut connected = Connected::default();
    let outbound: Outbound = match clyra_attach::outbound(clock) {
        Ok(outbound) => outbound,
        Err(error) => {
            let mut area = Area::new("network");
            area.problem("no connection can be made", error.to_string(), "report it: the program cannot set up TLS");
            diagnosis.take(area);
            return connected;
        }
    };
    let secrets = stack::secrets(config, vars);
    for connection in &config.connections {
        if !network {
            // Nobody was asked, so what is configured is taken for what works.
            connected.tools.insert(connection.source.to_string());
            continue;
        }
        let (area, reach) = dbt::examine(&outbound, config, scope, connection, &secrets, clock.as_ref()).await;
        diagnosis.take(area);
        if reach.api {
            connected.tools.insert(connection.source.to_string());
        }
        connected.audit_log |= reach.audit_log;
    }
    if network {
        for one in &config.warehouses {
            diagnosis.take(warehouse::examine(&outbound, one, &secrets, clock).await);
        }
    }
    for target in &config.targets {
        let area = servicenow::examine(&outbound, target, &secrets, clock.as_ref(), network).await;
        diagnosis.take(area);
    }
    connected
}
