//! What [`IdentityStore`] promises, over any table.

use std::sync::Arc;

use clyra_evidence::text::UntrustedText;

use super::{fresh_digest, together};
use crate::identity_store::{Account, IdentityStore};
use crate::table::Table;

/// Every rule of this file.
pub async fn all(table: Arc<dyn Table>, seed: &str) {
    let store = IdentityStore::new(table);
    an_account_has_one_commitment(&store, seed).await;
    concurrent_first_sights_agree_on_one_key(&store, seed).await;
    accounts_are_told_apart(&store, seed).await;
}

/// The first key stays, so that an account's commitments are equal for ever; the name follows the source.
pub async fn an_account_has_one_commitment(store: &IdentityStore, seed: &str) {
    let account = account(seed, "one", "Ada");
    let first = store.commit(&account, key(seed, "a")).await.expect("commit").expect("a commitment");
    let renamed = Account { name: UntrustedText::new("Ada L."), ..account };
    let again = store.commit(&renamed, key(seed, "b")).await.expect("commit").expect("a commitment");
    assert_eq!(first, again);
    assert_eq!(store.resolve(&first).await.expect("resolve"), Some(renamed));
}

/// Concurrent receipts of a person never seen before commit with one key.
pub async fn concurrent_first_sights_agree_on_one_key(store: &IdentityStore, seed: &str) {
    let account = account(seed, "race", "Grace");
    let commit = async |n: u32| store.commit(&account, key(seed, &format!("race {n}"))).await.expect("commit");
    let commitments = together((0..8).map(commit).collect()).await;
    let first = commitments.first().copied().flatten().expect("a commitment");
    assert!(commitments.iter().all(|commitment| *commitment == Some(first)), "{commitments:?}");
    assert_eq!(store.resolve(&first).await.expect("resolve"), Some(account));
}

/// Accounts have commitments of their own, and one that was never made resolves to nobody.
pub async fn accounts_are_told_apart(store: &IdentityStore, seed: &str) {
    let (this, that) = (account(seed, "this", "Same Name"), account(seed, "that", "Same Name"));
    let this_one = store.commit(&this, key(seed, "same")).await.expect("commit").expect("a commitment");
    let that_one = store.commit(&that, key(seed, "same")).await.expect("commit").expect("a commitment");
    assert_ne!(this_one, that_one);
    assert_eq!(store.resolve(&this_one).await.expect("resolve"), Some(this));
    let never = serde_json::from_value(fresh_digest(seed, "never").to_string().into()).expect("a commitment");
    assert_eq!(store.resolve(&never).await.expect("resolve"), None);
}

fn account(seed: &str, id: &str, name: &str) -> Account {
    Account { namespace: format!("{seed}/user"), id: id.to_owned(), name: UntrustedText::new(name) }
}

fn key(seed: &str, name: &str) -> [u8; 32] {
    *fresh_digest(seed, name).as_bytes()
}
