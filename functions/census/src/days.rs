//! The census days that stand in the store.

use std::collections::BTreeMap;

use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::scope::ScopedProject;
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::evidence_store::{list_while, newest};
use clyra_ports::step::StepError;
use clyra_verify::{explain, verify_envelope};

use crate::{Census, fault};

/// A census day that was checked.
#[derive(Clone, Debug)]
pub(crate) struct HeldDay {
    /// Where it is stored.
    pub(crate) key: ObjectKey,
    /// SHA-256 of its envelope file.
    pub(crate) envelope: Sha256Digest,
    /// SHA-256 of its payload: what the next revision names.
    pub(crate) payload: Sha256Digest,
    /// What it says.
    pub(crate) census: CensusDay,
}

/// The newest revision of every counted day, by environment and day.
pub(crate) type Revisions = BTreeMap<DayOf, u32>;

impl Census {
    /// The newest census of a day, checked.
    ///
    /// # Errors
    /// Also when there is one that does not hold: nothing may take its place as if it had not been.
    pub(crate) async fn newest_census(&self, of: &DayOf) -> Result<Option<HeldDay>, StepError> {
        let revision = |key: &ObjectKey| if let ObjectKey::CensusDay(_, n) = key { Some(*n) } else { None };
        let prefix = ObjectPrefix::CensusDaysOf(of.clone());
        match newest(self.deps.reader.as_ref(), &prefix, revision).await? {
            Some((revision, _)) => self.census_of(of, revision).await.map(Some),
            None => Ok(None),
        }
    }

    /// One revision of a day's census, checked.
    pub(crate) async fn census_of(&self, of: &DayOf, revision: u32) -> Result<HeldDay, StepError> {
        let key = ObjectKey::CensusDay(of.clone(), revision);
        let wrong = |why: String| fault::not_in_order(&key, why);
        let bytes = self.deps.reader.get(&key, ENVELOPE_BYTES_MAX).await?;
        let bytes = bytes.ok_or_else(|| wrong("it was listed and cannot be read".to_owned()))?;
        let checked = verify_envelope(&bytes, &self.deps.trust, PredicateName::CensusDay).into_result();
        let (document, _) = checked.map_err(|report| wrong(explain::headline(&report)))?;
        let document = document.into_inner();
        let census: CensusDay = serde_json::from_value(document.predicate).map_err(|error| wrong(error.to_string()))?;
        // Under another name, one day's census would speak for another.
        let named = (&census.connection, &census.environment.id, census.day, census.revision);
        if named != (&of.connection, &of.environment, of.day, revision) {
            return Err(wrong("it is of another day or revision".to_owned()));
        }
        let (envelope, payload) = (Sha256Digest::of(&bytes), Sha256Digest::of(&document.payload));
        Ok(HeldDay { key, envelope, payload, census })
    }

    /// The newest revisions of a project's days from `from` to `to`.
    pub(crate) async fn revisions(&self, project: &ScopedProject, from: Day, to: Day) -> Result<Revisions, StepError> {
        let mut revisions = Revisions::new();
        for environment in &project.environments {
            let first = beginning(&project.connection, &environment.environment_id, from);
            let within = |key: &ObjectKey| is_of(key, &project.connection, &environment.environment_id, to);
            let keys = list_while(self.deps.reader.as_ref(), &ObjectPrefix::CensusDays, Some(&first), within).await?;
            for key in keys {
                let ObjectKey::CensusDay(of, n) = key else { continue };
                let newest = revisions.entry(of).or_default();
                *newest = n.max(*newest);
            }
        }
        Ok(revisions)
    }

    /// The first day of an environment that was ever counted.
    pub(crate) async fn first_counted(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
    ) -> Result<Option<Day>, StepError> {
        let before = beginning(connection, environment, Timestamp::EPOCH.day());
        let first = self.deps.reader.list(&ObjectPrefix::CensusDays, Some(&before), 1).await?;
        let first =
            first.into_iter().filter_map(|key| if let ObjectKey::CensusDay(of, _) = key { Some(of) } else { None });
        let ours = first.filter(|of| of.connection == *connection && of.environment == *environment);
        Ok(ours.map(|of| of.day).next())
    }
}

/// A name that comes before every census of the environment from `day` on: days sort as text.
fn beginning(connection: &ConnectionName, environment: &SourceId, day: Day) -> ObjectKey {
    ObjectKey::CensusDay(DayOf { connection: connection.clone(), environment: environment.clone(), day }, 0)
}

fn is_of(key: &ObjectKey, connection: &ConnectionName, environment: &SourceId, to: Day) -> bool {
    let ObjectKey::CensusDay(of, _) = key else { return false };
    of.connection == *connection && of.environment == *environment && of.day <= to
}
