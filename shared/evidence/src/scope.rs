//! What the entity declares: which projects and environments are in scope, which controls, with which parameters
//! (spec/def/scope). Narrowing the scope is the oldest trick there is, so each version is signed and listed.

pub mod owners;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::fact::FactValue;
use crate::id::{ConnectionName, Slug, SourceId};
use crate::manifest::VersionRef;
use crate::scope::owners::OwnerRules;
use crate::text::UntrustedText;
use crate::time::Day;

/// The category that dbt gives to the trigger of a run for a pull request.
pub const PULL_REQUEST_TRIGGER: &str = "ci";

/// A version of the entity's scope, written by it as `scope.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// Counts up with every change to this document.
    pub version: u32,
    /// The legal entity.
    pub entity: UntrustedText,
    /// The projects.
    pub projects: Vec<ScopedProject>,
    /// What is attested at a time; a calendar quarter when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<ScopedPeriod>,
    /// Where approvals are given: `github`, `slack`, `servicenow`, … An empty list says that there is no such place.
    #[serde(default)]
    pub approval_sources: Vec<String>,
    /// Who has to approve what; nothing is computed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<OwnerRules>,
    /// The controls in scope, by their id in the catalogue.
    #[serde(default)]
    pub controls: BTreeMap<String, ScopedControl>,
    /// Parameters of the controls, by the names that the catalogue gives them.
    #[serde(default)]
    pub parameters: BTreeMap<String, FactValue>,
}

/// A signed version of the scope, with the payload of the envelope that it was signed in.
#[derive(Clone, Debug)]
pub struct ScopeInForce {
    /// The scope.
    pub scope: Scope,
    /// The payload of its envelope: `scope.json` of every bundle made under it.
    pub payload: Vec<u8>,
}

impl ScopeInForce {
    /// The version, and the digest of what was signed.
    #[must_use]
    pub fn reference(&self) -> VersionRef {
        VersionRef { version: self.scope.version, sha256: Sha256Digest::of(&self.payload) }
    }
}

/// One project in scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedProject {
    /// The connection that knows it.
    pub connection: ConnectionName,
    /// The source's id of the project.
    pub project_id: SourceId,
    /// The name in badge URLs, unique in the scope.
    pub slug: Slug,
    /// Its name for readers.
    pub name: UntrustedText,
    /// Its production environments. Runs elsewhere are receipts only.
    pub environments: Vec<ScopedEnvironment>,
    /// Unique ids of models that feed key reports.
    #[serde(default)]
    pub key_reports: Vec<String>,
}

/// One production environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedEnvironment {
    /// The source's id of the environment.
    pub environment_id: SourceId,
    /// Its name for readers.
    pub name: UntrustedText,
    /// The branch that production runs must be built from.
    #[serde(default)]
    pub branch: Option<String>,
    /// Ids of the jobs in scope; all jobs of the environment when absent.
    #[serde(default)]
    pub jobs: Option<Vec<SourceId>>,
}

/// The periods in which changes are attested. They follow on each other without a gap, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ScopedPeriod {
    /// From January, April, July and October on.
    CalendarQuarter {},
    /// Each month by itself.
    CalendarMonth {},
    /// A year that begins on the same day each time.
    FiscalYear {
        /// That day.
        fiscal_year_starts_on: MonthDay,
    },
    /// From one day on, until the scope says otherwise.
    Since {
        /// That day.
        from: Day,
    },
}

impl Default for ScopedPeriod {
    fn default() -> Self {
        Self::CalendarQuarter {}
    }
}

impl ScopedPeriod {
    /// The first day of the period that `day` lies in; `None` for a day before the first period.
    #[must_use]
    pub fn start_of(self, day: Day) -> Option<Day> {
        let (year, month, _) = day.civil();
        match self {
            Self::CalendarQuarter {} => Day::from_civil(year, month - (month - 1) % 3, 1),
            Self::CalendarMonth {} => Day::from_civil(year, month, 1),
            Self::FiscalYear { fiscal_year_starts_on: MonthDay { month, day: first } } => {
                let this_year = Day::from_civil(year, month, first).filter(|start| *start <= day);
                this_year.or_else(|| Day::from_civil(year - 1, month, first))
            }
            Self::Since { from } => Some(from).filter(|from| *from <= day),
        }
    }
}

/// A day that every year has, written `04-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: u32,
    day: u32,
}

/// The text was not a month and a day that every year has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day that every year has: month and day are expected, such as 04-01")]
pub struct ParseMonthDayError;

impl TryFrom<String> for MonthDay {
    type Error = ParseMonthDayError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // 2001 has no leap day.
        let day: Day = format!("2001-{text}").parse().map_err(|_| ParseMonthDayError)?;
        let (_, month, day) = day.civil();
        Ok(Self { month, day })
    }
}

impl From<MonthDay> for String {
    fn from(MonthDay { month, day }: MonthDay) -> Self {
        format!("{month:02}-{day:02}")
    }
}

/// One control in scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopedControl {
    /// The entity's own id of the control, as in its risk and control matrix.
    #[serde(default)]
    pub client_control_id: Option<UntrustedText>,
}

impl ScopedEnvironment {
    /// Whether a run in this environment is one of production: its job is in scope, and it was not started for a pull
    /// request, which builds in a schema of its own. A run that names no job is in scope only where all jobs are.
    #[must_use]
    pub fn is_production(&self, job: Option<&SourceId>, trigger: &str) -> bool {
        let in_scope = self.jobs.as_ref().is_none_or(|jobs| job.is_some_and(|job| jobs.contains(job)));
        in_scope && trigger != PULL_REQUEST_TRIGGER
    }
}

impl Scope {
    /// The first day of the period that `day` lies in; `None` for a day before the first period.
    #[must_use]
    pub fn period_start(&self, day: Day) -> Option<Day> {
        self.period.unwrap_or_default().start_of(day)
    }

    /// The project and environment of a run, when both are in scope.
    #[must_use]
    pub fn environment_of(
        &self,
        connection: &ConnectionName,
        project: &SourceId,
        environment: &SourceId,
    ) -> Option<(&ScopedProject, &ScopedEnvironment)> {
        let project = self.project_of(connection, project)?;
        let environment = project.environments.iter().find(|e| e.environment_id == *environment)?;
        Some((project, environment))
    }

    /// The project with this id, when it is in scope.
    #[must_use]
    pub fn project_of(&self, connection: &ConnectionName, project: &SourceId) -> Option<&ScopedProject> {
        self.projects.iter().find(|p| p.connection == *connection && p.project_id == *project)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_production_run_is_of_a_job_in_scope_and_for_no_pull_request() {
        let environment = |jobs: Option<&[u64]>| ScopedEnvironment {
            environment_id: 5.into(),
            name: UntrustedText::new("Production"),
            branch: None,
            jobs: jobs.map(|jobs| jobs.iter().map(|job| (*job).into()).collect()),
        };
        let jobs = |jobs: &'static [u64]| Some(jobs);
        let cases = [
            (None, Some(7), "scheduled", true),
            (None, Some(7), "ci", false),
            (None, None, "scheduled", true),
            (None, None, "", true),
            (jobs(&[7, 8]), Some(8), "ui", true),
            (jobs(&[7, 8]), Some(9), "ui", false),
            (jobs(&[7, 8]), Some(7), "ci", false),
            (jobs(&[7, 8]), None, "scheduled", false),
            (jobs(&[]), Some(7), "scheduled", false),
        ];
        for (jobs, job, trigger, expected) in cases {
            let job = job.map(SourceId::from);
            let found = environment(jobs).is_production(job.as_ref(), trigger);
            assert_eq!(found, expected, "{jobs:?} {job:?} {trigger:?}");
        }
    }

    #[test]
    fn a_period_begins_where_the_entity_says() {
        let quarter = json!({"kind": "calendarQuarter"});
        let fiscal = json!({"kind": "fiscalYear", "fiscalYearStartsOn": "04-01"});
        let cases = [
            (quarter.clone(), "2026-01-01", Some("2026-01-01")),
            (quarter.clone(), "2026-03-31", Some("2026-01-01")),
            (quarter.clone(), "2026-08-15", Some("2026-07-01")),
            (quarter, "2026-12-31", Some("2026-10-01")),
            (json!({"kind": "calendarMonth"}), "2028-02-29", Some("2028-02-01")),
            (fiscal.clone(), "2026-03-31", Some("2025-04-01")),
            (fiscal.clone(), "2026-04-01", Some("2026-04-01")),
            (fiscal, "2026-12-31", Some("2026-04-01")),
            (json!({"kind": "since", "from": "2026-11-09"}), "2026-11-09", Some("2026-11-09")),
            (json!({"kind": "since", "from": "2026-11-09"}), "2027-11-08", Some("2026-11-09")),
            (json!({"kind": "since", "from": "2026-11-09"}), "2026-11-08", None),
        ];
        for (period, day, expected) in cases {
            let read: ScopedPeriod = serde_json::from_value(period.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), period);
            let found = read.start_of(day.parse().unwrap()).map(|day| day.to_string());
            assert_eq!(found.as_deref(), expected, "{period} {day}");
        }
        let refused: [Value; 6] = [
            json!({"kind": "week"}),
            json!({"kind": "calendarQuarter", "from": "2026-01-01"}),
            json!({"kind": "fiscalYear"}),
            json!({"kind": "fiscalYear", "fiscalYearStartsOn": "02-29"}),
            json!({"kind": "fiscalYear", "fiscalYearStartsOn": "4-1"}),
            json!({"kind": "since"}),
        ];
        for period in refused {
            assert!(serde_json::from_value::<ScopedPeriod>(period.clone()).is_err(), "{period}");
        }
    }

    #[test]
    fn a_scope_without_a_period_keeps_its_bytes_and_is_attested_by_the_quarter() {
        let text =
            r#"{"version":1,"entity":"Example Corp","projects":[],"approvalSources":[],"controls":{},"parameters":{}}"#;
        let scope: Scope = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), text);
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert_eq!(scope.period_start(day("2026-11-27")), Some(day("2026-10-01")));
    }
}
