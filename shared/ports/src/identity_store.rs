//! The identity store: which personal key belongs to which account, and the name to show for it.
//!
//! Names live here and nowhere in evidence. The key of a person is durable before a commitment made with it leaves
//! this module, so that no receipt can hold a commitment that nobody can resolve.

use std::sync::Arc;

use clyra_evidence::actor::{ActorCommitment, PersonalKey};
use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::table::{self, RowKey, Table, TableError};

/// The identity store, over a table of its own.
#[derive(Clone, Debug)]
pub struct IdentityStore {
    table: Arc<dyn Table>,
}

/// An account at a source, as the source shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Where the id is unique, for example `dbt_cloud/default/user`.
    pub namespace: String,
    /// The source's id.
    pub id: String,
    /// The name it is shown by.
    pub name: UntrustedText,
}

#[derive(Clone, Serialize, Deserialize)]
struct Person {
    account: Account,
    /// Absent once the person was erased.
    key: Option<[u8; 32]>,
}

impl IdentityStore {
    /// The store over `table`.
    #[must_use]
    pub fn new(table: Arc<dyn Table>) -> Self {
        Self { table }
    }

    /// Commits to `account`. `fresh_key` is used when the account is seen for the first time and must be random.
    ///
    /// # Errors
    /// When the table fails; then no commitment exists.
    pub async fn commit(&self, account: &Account, fresh_key: [u8; 32]) -> Result<Option<ActorCommitment>, TableError> {
        let key = RowKey::new(format!("account#{}", account.namespace), &account.id);
        let person = table::update(self.table.as_ref(), &key, |found: Option<Person>| {
            Some(match found {
                // An erased person stays erased, and an account keeps its key for ever; the name may change.
                Some(Person { key, account: old }) => {
                    let account = if key.is_some() { account.clone() } else { old };
                    Person { account, key }
                }
                None => Person { account: account.clone(), key: Some(fresh_key) },
            })
        })
        .await?;
        let Some(bytes) = person.and_then(|person| person.key) else {
            return Ok(None);
        };
        let commitment = ActorCommitment::of(&PersonalKey::from_bytes(bytes), &account.namespace, &account.id);
        let by_commitment = RowKey::new("commitment", commitment.to_string());
        table::update(self.table.as_ref(), &by_commitment, |_: Option<RowRef>| {
            Some(RowRef { namespace: account.namespace.clone(), id: account.id.clone() })
        })
        .await?;
        Ok(Some(commitment))
    }

    /// The account behind a commitment; `None` when it was erased or never made here.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn resolve(&self, commitment: &ActorCommitment) -> Result<Option<Account>, TableError> {
        let by_commitment = RowKey::new("commitment", commitment.to_string());
        let Some(RowRef { namespace, id }) = table::read(self.table.as_ref(), &by_commitment).await? else {
            return Ok(None);
        };
        let key = RowKey::new(format!("account#{namespace}"), id);
        let person: Option<Person> = table::read(self.table.as_ref(), &key).await?;
        Ok(person.filter(|person| person.key.is_some()).map(|person| person.account))
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct RowRef {
    namespace: String,
    id: String,
}
