//! The sources that are read.

use std::sync::Arc;

use clyra_evidence::id::SourceId;
use clyra_ports::read_api::ReadApi;

/// One dbt account that can be read.
#[derive(Clone, Debug)]
pub struct DbtSource {
    /// The client, bound to the account's host and credential.
    pub api: Arc<dyn ReadApi>,
    /// The account; a delivery that names another one is out of scope.
    pub account_id: SourceId,
    /// The name of the secret that the client reads with, never its value.
    pub principal: String,
}
