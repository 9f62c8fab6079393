//! What an operator decides about verify pages.

use std::collections::BTreeMap;

use clyra_evidence::id::{ConnectionName, TargetName};
use clyra_evidence::statement::SpecBase;
use clyra_workpaper::names::SourceAddress;
use clyra_workpaper::parts::Retention;

use crate::access::Access;

/// The configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may see a change.
    pub access: Access,
    /// The base of predicate URIs.
    pub spec_base: SpecBase,
    /// Addresses of the tools, for links into them; may be empty.
    pub sources: BTreeMap<ConnectionName, SourceAddress>,
    /// How the store keeps evidence; absent where the deployment does not say.
    pub retention: Option<Retention>,
    /// The targets that tickets are written to, by their names in the ledger.
    pub targets: Vec<TargetName>,
    /// Whether browsers reach us by https; false only on loopback, where a cookie marked Secure would be dropped.
    pub https: bool,
}
