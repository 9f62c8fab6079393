//! Configuration and scope in YAML, as people write them.

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
        self.scope_from(&read_small(&path)?, &path.display().to_string()).map(Some)
    }

    /// Reads a scope from the text of `scope.yaml`, which mistakes call `name`.
    ///
    /// # Errors
    /// With every mistake that was found in it.
    pub fn scope_from(&self, text: &str, name: &str) -> Result<Scope, ConfigErrors> {
        let scope: Scope =
            serde_saphyr::from_str(text).map_err(|error| ConfigErrors(vec![format!("{name}: {error}")]))?;
        let known = |name: &ConnectionName| self.connections.iter().any(|connection| connection.name == *name);
        let unknown: Vec<String> = scope
            .projects
            .iter()
            .filter(|project| !known(&project.connection))
            .map(|project| {
                format!(
                    "{name}: project {} names the connection {}, which is not configured",
                    project.slug, project.connection
                )
            })
            .collect();
        if unknown.is_empty() { Ok(scope) } else { Err(ConfigErrors(unknown)) }
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
