//! Which deployment a command is about: its configuration, its scope and its data folder; or why there is none.

use std::path::{Path, PathBuf};

use clyra_config::Config;
use clyra_evidence::scope::Scope;

use crate::output::{self, Exit};

/// The configuration's name where none is given.
pub const CONFIG: &str = "clyra.yaml";

/// `[--config FILE] [--data DIR]`
#[derive(Debug, clap::Args)]
pub struct Folder {
    /// The configuration file; without it clyra.yaml beside the folder of --data, or else here
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A deployment as its files describe it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The scope.
    pub scope: Option<Scope>,
    /// The configuration's file.
    pub path: PathBuf,
    /// Whether that file is there; else only the data folder is known.
    pub is_configured: bool,
}

/// Why a command cannot be carried out, for people.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub to_do: &'static str,
}

impl Refusal {
    /// Prints it, and gives the exit code.
    #[must_use]
    pub fn print(self) -> Exit {
        output::problem(self.what, self.why, self.to_do);
        Exit::Failed
    }
}

impl Folder {
    /// Reads configuration and scope. With `--data` alone, a folder can be looked at whose configuration is elsewhere.
    ///
    /// # Errors
    /// When a file is not there or not in order.
    pub fn read(&self) -> Result<Setup, Refusal> {
        let path = self.path();
        let is_configured = path.exists();
        let (mut config, scope) = match (is_configured, &self.data) {
            (true, _) => read(&path)?,
            (false, Some(_)) => (Config::default(), None),
            (false, None) => return Err(not_there(&path)),
        };
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(Setup { config, scope, path, is_configured })
    }

    fn path(&self) -> PathBuf {
        let beside = || {
            let path = self.data.as_deref()?.parent()?.join(CONFIG);
            path.exists().then_some(path)
        };
        self.config.clone().or_else(beside).unwrap_or_else(|| PathBuf::from(CONFIG))
    }
}

fn not_there(path: &Path) -> Refusal {
    Refusal {
        what: format!("there is no {}", path.display()),
        why: "it says where the data folder is and what is connected".to_owned(),
        to_do: "name yours with --config, or write one: docs/connect-dbt-cloud.md has one to start from",
    }
}

fn read(path: &Path) -> Result<(Config, Option<Scope>), Refusal> {
    let unusable = |why: String| Refusal {
        what: format!("{} cannot be used", path.display()),
        why,
        to_do: "correct the file or name another with --config; clyra doctor lists every mistake",
    };
    let config = Config::read(path).map_err(|error| unusable(error.to_string()))?;
    let scope = config.read_scope(Some(path)).map_err(|error| unusable(error.to_string()))?;
    Ok((config, scope))
}
