//! Who and where, as values: the persons behind commitments and the addresses of the tools.

use std::collections::BTreeMap;
use std::future::Future;

use clyra_evidence::actor::ActorCommitment;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::text::UntrustedText;

use crate::parts::Parts;

/// What turns commitments into names and ids into links. Nothing in it is evidence.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Persons by the commitments that stand in the evidence.
    pub people: BTreeMap<ActorCommitment, Person>,
    /// Addresses of the tools, by connection.
    pub sources: BTreeMap<ConnectionName, SourceAddress>,
}

/// A person as the entity's systems know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: UntrustedText,
    /// The account at the source.
    pub account: UntrustedText,
    /// Title or team, where a directory tells it.
    pub title: Option<UntrustedText>,
    /// The subject in the entity's directory; two accounts are one person only where this is the same.
    pub directory_id: Option<UntrustedText>,
    /// Whether the account was active on the day of the change, where a directory tells it.
    pub active_on_day: Option<bool>,
}

/// Where a tool is reached by a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    base: String,
    account: SourceId,
}

/// The text cannot be the address of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a tool: an https URL without a path, query or credentials is expected")]
pub struct ParseAddressError;

/// Most persons that are looked up for one work paper: more take no part in one change.
const PERSONS_MAX: usize = 64;

impl Person {
    /// Somebody of whom only the account at a source is known.
    #[must_use]
    pub fn of_account(name: UntrustedText, namespace: &str, id: &str) -> Self {
        let account = UntrustedText::new(&format!("{namespace} {id}"));
        Self { name, account, title: None, directory_id: None, active_on_day: None }
    }
}

impl SourceAddress {
    /// The tool at `base`, such as `https://ab123.us1.dbt.com`, with our account there.
    ///
    /// # Errors
    /// When `base` is not `https://` with a host and at most a port: anything else could smuggle a script or a
    /// credential into a link.
    pub fn new(base: &str, account: SourceId) -> Result<Self, ParseAddressError> {
        let host = base.strip_prefix("https://").ok_or(ParseAddressError)?;
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if host.is_empty() || !host.chars().all(letters) {
            return Err(ParseAddressError);
        }
        Ok(Self { base: base.to_owned(), account })
    }

    /// All tools of a deployment, as its configuration tells them. A tool without https gets no links.
    pub fn all<'c>(
        tools: impl Iterator<Item = (&'c ConnectionName, &'c str, &'c SourceId)>,
    ) -> BTreeMap<ConnectionName, Self> {
        tools.filter_map(|(name, base, account)| Some((name.clone(), Self::new(base, account.clone()).ok()?))).collect()
    }

    /// The page of a dbt Cloud run (docs.getdbt.com, "Run visibility").
    pub(crate) fn dbt_run(&self, project: &SourceId, run: &SourceId) -> String {
        format!("{}/deploy/{}/projects/{project}/runs/{run}", self.base, self.account)
    }
}

impl Names {
    /// Knows nobody: for the paper that is sealed into a bundle.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Names for every person whom `parts` names in a part, as `known` finds them. Who was erased, or was never known,
    /// stays a commitment.
    ///
    /// # Errors
    /// When `known` fails.
    pub async fn resolve<E, F: Future<Output = Result<Option<Person>, E>>>(
        parts: &Parts,
        sources: &BTreeMap<ConnectionName, SourceAddress>,
        known: impl Fn(ActorCommitment) -> F,
    ) -> Result<Self, E> {
        let mut names = Self { people: BTreeMap::new(), sources: sources.clone() };
        for commitment in parts.commitments().into_iter().take(PERSONS_MAX) {
            if let Some(person) = known(commitment).await? {
                names.people.insert(commitment, person);
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_hosts_become_links() {
        for good in ["https://cloud.getdbt.com", "https://ab123.us1.dbt.com:8443"] {
            assert!(SourceAddress::new(good, 1.into()).is_ok(), "{good}");
        }
        for bad in
            ["http://x.com", "javascript:alert(1)", "https://", "https://u:p@x.com", "https://x.com/a", "https://x\"y"]
        {
            assert_eq!(SourceAddress::new(bad, 1.into()), Err(ParseAddressError), "{bad}");
        }
    }
}
