//! Who took part: names where they are known, accounts and commitments where not. A name is never guessed.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::actor::ActorCommitment;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactValue;

use crate::model::{CommitmentRow, Participant};
use crate::names::{Names, Person};
use crate::parts::Parts;
use crate::shown::Shown;

/// Facts whose values are persons, with the part that they play.
const ROLES: [(&str, &str); 12] = [
    ("change.authors", "author"),
    ("pr.authors", "author of commits"),
    ("pr.pushers", "pushed commits"),
    ("pr.mergedBy", "merged"),
    ("approval.approvers", "approved"),
    ("config.actor", "changed the configuration"),
    ("config.actors", "changed the configuration"),
    ("config.approvers", "approved the configuration"),
    ("emergency.authorisedBy", "authorised the emergency"),
    ("run.actor.id", "started the run"),
    ("sync.actor", "changed the definition"),
    ("ticket.closedBy", "closed the ticket"),
];

/// The persons of one change.
pub(super) struct People<'a> {
    names: &'a Names,
    roles: BTreeMap<ActorCommitment, Vec<&'static str>>,
}

impl<'a> People<'a> {
    pub(super) fn of(parts: &Parts, names: &'a Names) -> Self {
        let mut roles: BTreeMap<ActorCommitment, Vec<&'static str>> = BTreeMap::new();
        for (fact, role) in ROLES {
            for commitment in parts.facts.get(fact).map(|fact| commitments(&fact.value)).unwrap_or_default() {
                let known = roles.entry(commitment).or_default();
                if !known.contains(&role) {
                    known.push(role);
                }
            }
        }
        Self { names, roles }
    }

    pub(super) fn participants(&self) -> Vec<Participant> {
        self.roles.iter().map(|(commitment, roles)| self.participant(commitment, roles)).collect()
    }

    fn participant(&self, commitment: &ActorCommitment, roles: &[&'static str]) -> Participant {
        let person = self.names.people.get(commitment);
        let told = |text: Option<&clyra_evidence::text::UntrustedText>, or: &str| {
            text.map_or_else(|| Shown::new(or), Shown::from)
        };
        let active = match person.and_then(|person| person.active_on_day) {
            Some(true) => "active on the day",
            Some(false) => "not active on the day",
            None => "not known: no directory connected",
        };
        Participant {
            roles: roles.to_vec(),
            name: person.map(|person| (&person.name).into()),
            title: told(person.and_then(|person| person.title.as_ref()), "not known"),
            account: told(person.map(|person| &person.account), "see commitment"),
            directory_id: told(person.and_then(|person| person.directory_id.as_ref()), "not resolved"),
            active: Shown::new(active),
            commitment: Some(Shown::new(commitment.to_string())),
        }
    }

    pub(super) fn commitments(&self) -> Vec<CommitmentRow> {
        let row = |commitment: &ActorCommitment| CommitmentRow {
            person: self.person(commitment),
            commitment: Shown::new(commitment.to_string()),
        };
        self.roles.keys().map(row).collect()
    }

    /// A value as readers see it: a commitment becomes the name or the account, everything else stays.
    pub(super) fn value(&self, value: &FactValue, omitted: Option<u32>) -> Shown {
        let named = |text: &String| match text.parse::<Sha256Digest>() {
            Ok(digest) => match self.known(&digest) {
                Some(commitment) => self.person(&commitment).as_str().to_owned(),
                None => text.clone(),
            },
            Err(_) => text.clone(),
        };
        let value = match value {
            FactValue::Text(text) => FactValue::Text(named(text)),
            FactValue::List(list) => FactValue::List(list.iter().map(named).collect()),
            FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) => value.clone(),
        };
        crate::shown::value(&value, omitted)
    }

    /// The persons that a fact names, for a sentence.
    pub(super) fn of_fact(&self, parts: &Parts, fact: &str) -> Option<Shown> {
        let found = commitments(&parts.facts.get(fact)?.value);
        let shown: Vec<_> = found.iter().map(|commitment| self.person(commitment).to_string()).collect();
        if shown.is_empty() { None } else { Some(Shown::new(shown.join(", "))) }
    }

    fn known(&self, digest: &Sha256Digest) -> Option<ActorCommitment> {
        let text = digest.to_string();
        let found = |commitment: &&ActorCommitment| commitment.to_string() == text;
        self.roles.keys().find(found).or_else(|| self.names.people.keys().find(found)).copied()
    }

    fn person(&self, commitment: &ActorCommitment) -> Shown {
        match self.names.people.get(commitment) {
            Some(Person { name, account, .. }) if name.is_empty() => {
                Shown::new(format!("account {}", account.for_plain()))
            }
            Some(Person { name, .. }) => name.into(),
            None => Shown::new(format!("account {}…", &commitment.to_string()[..12])),
        }
    }
}

/// The commitments of everybody whom the facts name in a part.
pub(crate) fn commitments_of(facts: &clyra_evidence::fact::Facts) -> BTreeSet<ActorCommitment> {
    let named = ROLES.into_iter().filter_map(|(fact, _)| facts.get(fact));
    named.flat_map(|fact| commitments(&fact.value)).collect()
}

/// The commitments among a fact's values; directory subjects and names of machines are none.
fn commitments(value: &FactValue) -> Vec<ActorCommitment> {
    // A commitment has no constructor from text on purpose; as a document it is read like every other.
    let read = |text: &String| serde_json::from_value(serde_json::Value::String(text.clone())).ok();
    match value {
        FactValue::Text(text) => read(text).into_iter().collect(),
        FactValue::List(list) => list.iter().filter_map(read).collect(),
        FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) => Vec::new(),
    }
}
