//! Configuration and scope as files of a single-machine deployment.

use std::path::Path;

use clyra_evidence::id::ConnectionName;
use clyra_evidence::scope::Scope;

use crate::{Config, ConfigErrors};

/// Largest configuration or scope file, in bytes: thousands of projects.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl Config {
    /// Reads `path` and checks it.
    ///
    /// # Errors
    /// With every mistake that was found.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let text = read_small(path)?;
        let config: Self = serde_saphyr::from_str(&text)
            .map_err(|error| ConfigErrors(vec![format!("{}: {error}", path.display())]))?;
        config.check()?;
        Ok(config)
    }

    /// The scope that the configuration names, found beside `config_path`.
    ///
    /// # Errors
    /// With every mistake that was found in it.
    pub fn read_scope(&self, config_path: Option<&Path>) -> Result<Option<Scope>, ConfigErrors> {
        let Some(scope) = &self.scope else { return Ok(None) };
        let path = config_path.and_then(Path::parent).map_or_else(|| scope.clone(), |folder| folder.join(scope));
        let text = read_small(&path)?;
        let scope: Scope = serde_saphyr::from_str(&text)
            .map_err(|error| ConfigErrors(vec![format!("{}: {error}", path.display())]))?;
        let known = |name: &ConnectionName| self.connections.iter().any(|connection| connection.name == *name);
        let unknown: Vec<String> = scope
            .projects
            .iter()
            .filter(|project| !known(&project.connection))
            .map(|project| {
                format!(
                    "{}: project {} names the connection {}, which is not configured",
                    path.display(),
                    project.slug,
                    project.connection
                )
            })
            .collect();
        if unknown.is_empty() { Ok(Some(scope)) } else { Err(ConfigErrors(unknown)) }
    }
}

fn read_small(path: &Path) -> Result<String, ConfigErrors> {
    let failed = |why: String| ConfigErrors(vec![format!("{}: {why}", path.display())]);
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}
