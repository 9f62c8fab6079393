//! Names for the persons of one change, from the identity store. They are drawn, never stored with evidence.

use std::collections::BTreeMap;

use clyra_evidence::id::ConnectionName;
use clyra_evidence::text::UntrustedText;
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::table::TableError;
use clyra_workpaper::names::{Person, SourceAddress};
use clyra_workpaper::{Names, Parts};

/// Resolves every commitment of the facts. Who was erased, or was never known here, stays a commitment.
pub(crate) async fn resolve(
    parts: &Parts,
    identities: &IdentityStore,
    sources: &BTreeMap<ConnectionName, SourceAddress>,
) -> Result<Names, TableError> {
    let mut names = Names { people: BTreeMap::new(), sources: sources.clone() };
    for commitment in parts.commitments() {
        let Some(account) = identities.resolve(&commitment).await? else { continue };
        let person = Person {
            name: account.name,
            account: UntrustedText::new(&format!("{} {}", account.namespace, account.id)),
            title: None,
            directory_id: None,
            active_on_day: None,
        };
        names.people.insert(commitment, person);
    }
    Ok(names)
}
