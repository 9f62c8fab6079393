//! From what is known of a change to a bundle in the store, once.
//!
//! A bundle is made whole in memory and written by one conditional PUT, so a crash leaves either nothing, and all is
//! made again, or the bundle, and the next try finds it. Its envelopes are never made twice for one object.

use std::collections::BTreeSet;

use bytes::Bytes;
use clyra_delta::compare::{DeltaClass, semantic_delta};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactValue, Facts};
use clyra_evidence::id::{BundleId, ChangeId, ReceiptId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{ChangeClass, ChangeHeader, ChangeMark};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::Put;
use clyra_ports::index::{ChangeRecord, RunRecord, RunStatus};
use clyra_ports::step::StepError;
use clyra_ports::table::Order;
use clyra_verify::{Bundle, Options, verify_bundle};

use crate::assemble::{self, Contents, parameters};
use crate::delivery::Told;
use crate::facts::{self, About, FollowUp, hours_between};
use crate::fault::{later, of_json, of_store, of_table, park};
use crate::note::{RunNote, Standing};
use crate::work::Work;

/// Most revisions of one change: each adds a fact, and none has hundreds.
const REVISIONS_MAX: usize = 10_000;

/// Tries against other writers of the same change.
const TRIES_MAX: usize = 8;

/// Hours allowed to resolve a failed run where the scope says nothing: the catalogue's default.
const FOLLOW_UP_HOURS_DEFAULT: i64 = 24;

/// Runs looked at for a success after a failure.
const FOLLOW_UP_RUNS: usize = 50;

/// A run with everything that was read of it.
struct Linked {
    run: RunRecord,
    note: RunNote,
    standing: Standing,
}

/// What is in the store already.
struct Newest {
    revision: u32,
    id: BundleId,
    zip_sha256: Sha256Digest,
    receipts: BTreeSet<ReceiptId>,
    facts: Option<Facts>,
    header: ChangeHeader,
}

impl Work<'_> {
    /// Seals a bundle of the change unless the newest one says all that is known.
    pub(crate) async fn seal(&mut self, id: &ChangeId) -> Result<(), StepError> {
        for _ in 0..TRIES_MAX {
            let index = &self.deps().index;
            let Some(record) = index.change(id).await.map_err(of_table)? else { return Ok(()) };
            let Some(linked) = self.brought_by(&record).await? else { return Ok(()) };
            let receipts = self.receipts_of(&record).await?;
            let withdrawn = !linked.brings(id, self);
            let (header, facts, delta, after) = self.describe(&record, &linked, &receipts, withdrawn).await?;
            let newest = self.newest(id).await?;
            if let Some(newest) = newest.as_ref().filter(|newest| newest.covers(&receipts, &facts)) {
                return self.adopt(id, newest).await;
            }
            if newest.is_none() && withdrawn {
                // Nobody was ever told of it.
                return Ok(());
            }
            let results = self.full_results(&linked.note).await?;
            let revision = newest.as_ref().map_or(1, |newest| newest.revision + 1);
            let made = assemble::bundle(
                self.deps(),
                &Contents {
                    header: &header,
                    revision,
                    predecessor: newest.as_ref().map(|newest| newest.id),
                    produced_at: self.now,
                    receipts: &receipts,
                    facts: &facts,
                    run: &linked.run.run_id,
                    delta: delta.as_ref(),
                    manifest_after: after.as_deref(),
                    results: &results,
                },
            )
            .await?;
            self.check(&made.zip, made.id)?;
            let zip_sha256 = Sha256Digest::of(&made.zip);
            let key = ObjectKey::Bundle(*id, revision);
            match self.deps().writer.put_new(&key, Bytes::from(made.zip)).await.map_err(of_store)? {
                Put::Taken => {} // Another writer was first: what it wrote is looked at next.
                Put::Stored => {
                    let receipts = receipts.iter().map(|told| told.receipt.receipt_id).collect();
                    let facts = Some(facts);
                    let newest = Newest { revision, id: made.id, zip_sha256, receipts, facts, header };
                    return self.adopt(id, &newest).await;
                }
            }
        }
        Err(later("CHANGE_CONTENDED", format!("others seal the change {id} again and again"), None))
    }

    /// The run that brought the change: the first in order that still does; else, for a change that was taken back, the
    /// first that was linked.
    async fn brought_by(&self, record: &ChangeRecord) -> Result<Option<Linked>, StepError> {
        let mut all = Vec::new();
        for run in &record.header.runs {
            let Some(run) = self.run(run).await? else { continue };
            let note = self.note(&run.run_id).await?;
            if let Some((note, standing)) = note.and_then(|note| note.standing.clone().map(|standing| (note, standing)))
            {
                all.push(Linked { run, note, standing });
            }
        }
        all.sort_by_key(|linked| (linked.run.started_at, linked.run.run_id.as_str().len(), linked.run.run_id.clone()));
        let id = record.header.change_id;
        let brings = |linked: &Linked| linked.brings(&id, self);
        // A state that could be read says more than the run before it whose state could not.
        let best = all.iter().position(|linked| brings(linked) && linked.standing.held.is_some());
        let best = best.or_else(|| all.iter().position(brings)).unwrap_or(0);
        Ok((best < all.len()).then(|| all.swap_remove(best)))
    }

    async fn receipts_of(&self, record: &ChangeRecord) -> Result<Vec<Told>, StepError> {
        let mut receipts = Vec::with_capacity(record.receipts.len());
        for id in &record.receipts {
            receipts.push(self.bundler.receipt(id).await?);
        }
        Ok(receipts)
    }

    /// Header and facts of a change, with the comparison they rest on.
    async fn describe(
        &mut self,
        record: &ChangeRecord,
        linked: &Linked,
        receipts: &[Told],
        withdrawn: bool,
    ) -> Result<Described, StepError> {
        let Linked { run, note, standing } = linked;
        let held_before = standing.before.as_ref().and_then(|before| before.held.clone());
        let before = match &held_before {
            Some(held) => self.projection(&held.run, held.manifest).await?,
            None => None,
        };
        let after = match &standing.held {
            Some(held) => self.projection(&held.run, held.manifest).await?,
            None => None,
        };
        let known = before.is_some() || after.is_some();
        let delta = known.then(|| semantic_delta(before.as_deref(), after.as_deref()));
        let mut header = record.header.clone();
        header.class = match delta.as_ref().map(|delta| delta.class) {
            Some(DeltaClass::Documentation) => ChangeClass::Documentation,
            Some(DeltaClass::Unknown) | None => ChangeClass::Unknown,
            Some(DeltaClass::None | DeltaClass::Behavioural) => ChangeClass::Behavioural,
        };
        if !matches!(header.kind, clyra_evidence::change::ChangeKind::Code) {
            // An override, a version or a definition can alter what is computed, whatever the manifests say.
            header.class = ChangeClass::Behavioural;
        }
        header.live_at = (!withdrawn).then_some(run.started_at);
        let told_in_time = receipts.iter().any(Told::in_time);
        header.marks = Vec::new();
        if !told_in_time && run.class == clyra_evidence::fact::FactClass::Reconstructed {
            header.marks.push(ChangeMark::Late);
        }
        if withdrawn {
            header.marks.push(ChangeMark::Withdrawn);
        }
        let deliveries: Vec<_> = receipts.iter().map(Told::reading).collect();
        let retried = self.retried(run).await?;
        let about = About {
            header: &header,
            connected_sources: &self.deps().config.connected_sources,
            run,
            note,
            standing,
            deliveries: &deliveries,
            told_in_time,
            withdrawn,
            delta: delta.as_ref(),
            manifests: (before.as_deref(), after.as_deref()),
            packages_changed: self.packages_changed(linked).await?,
            retried: retried.as_ref(),
            follow_up: self.follow_up(run, &header).await?,
            conflicts: self.conflicts(receipts).await?,
        };
        let facts = facts::facts(&about);
        Ok((header, facts, delta, after))
    }

    async fn packages_changed(&self, linked: &Linked) -> Result<Option<Vec<String>>, StepError> {
        let before = linked.standing.before.as_ref().and_then(|before| before.held.as_ref());
        let (Some(before), Some(after)) = (before, &linked.standing.held) else { return Ok(None) };
        if before == after {
            return Ok(Some(Vec::new()));
        }
        let code = |note: Option<RunNote>| note.and_then(|note| note.manifest.read().map(|seen| seen.code.clone()));
        let before = code(self.note(&before.run).await?);
        let after = code(self.note(&after.run).await?);
        let (Some(before), Some(after)) = (before, after) else { return Ok(None) };
        let names: BTreeSet<&String> = before.packages.keys().chain(after.packages.keys()).collect();
        let differs = |name: &&&String| before.packages.get(**name) != after.packages.get(**name);
        Ok(Some(names.iter().filter(differs).map(|name| (**name).clone()).collect()))
    }

    async fn retried(&self, run: &RunRecord) -> Result<Option<RunRecord>, StepError> {
        match &run.retry_of {
            Some(retried) => self.run(retried).await,
            None => Ok(None),
        }
    }

    /// The job's next success at the same state.
    async fn follow_up(&self, run: &RunRecord, header: &ChangeHeader) -> Result<FollowUp, StepError> {
        if run.status != RunStatus::Error && run.failed_tests.is_empty() {
            return Ok(FollowUp::default());
        }
        let later =
            self.deps().index.neighbours_in_job(run, Order::Ascending, FOLLOW_UP_RUNS).await.map_err(of_table)?;
        let ended = run.finished_at.unwrap_or(run.started_at);
        let resolves = |later: &&RunRecord| {
            let succeeded = later.status == RunStatus::Success && later.failed_tests.is_empty();
            later.decided && succeeded && later.vector.is_some() && later.vector == run.vector
        };
        let later: Vec<RunRecord> =
            later.into_iter().map(|run| self.pending.get(&run.run_id).cloned().unwrap_or(run)).collect();
        let resolved = later
            .iter()
            .find(resolves)
            .map(|later| (later.run_id.clone(), hours_between(ended, later.finished_at.unwrap_or(later.started_at))));
        let hours = match parameters(self.deps(), header).get("followUpHoursMax") {
            Some(FactValue::Int(hours)) => *hours,
            _ => FOLLOW_UP_HOURS_DEFAULT,
        };
        let overdue = resolved.is_none() && hours_between(ended, self.now) > hours;
        Ok(FollowUp { resolved, overdue })
    }

    /// Receipts of the change under whose id other facts were told.
    async fn conflicts(&self, receipts: &[Told]) -> Result<Vec<ReceiptId>, StepError> {
        // The conflicts of a deployment are few and each one is an alarm, so all of them are listed.
        let listed = self.deps().reader.list(&ObjectPrefix::Conflicts, None, REVISIONS_MAX).await.map_err(of_store)?;
        let in_conflict =
            |id: &ReceiptId| listed.iter().any(|key| matches!(key, ObjectKey::Conflict(other, _) if other == id));
        Ok(receipts.iter().map(|told| told.receipt.receipt_id).filter(in_conflict).collect())
    }

    /// The newest bundle of a change in the store, checked.
    async fn newest(&self, id: &ChangeId) -> Result<Option<Newest>, StepError> {
        let prefix = ObjectPrefix::BundlesOf(*id);
        let listed = self.deps().reader.list(&prefix, None, REVISIONS_MAX).await.map_err(of_store)?;
        let revisions = listed.iter().filter_map(|key| if let ObjectKey::Bundle(_, n) = key { Some(*n) } else { None });
        // Keys are listed in the order of their text, in which 10 comes before 9.
        let Some(revision) = revisions.max() else { return Ok(None) };
        let key = ObjectKey::Bundle(*id, revision);
        let zip = self.deps().reader.get(&key, ZIP_BYTES_MAX).await.map_err(of_store)?;
        let zip = zip.ok_or_else(|| later("BUNDLE_MISSING", format!("{key} was listed and is not there"), None))?;
        let trust = serde_json::to_vec(&self.deps().trust).map_err(of_json)?;
        let verification = verify_bundle(&zip, &trust, &Options::default());
        let bundle: &Bundle<'_> = verification
            .verified()
            .ok_or_else(|| {
                park("STORED_BUNDLE_NOT_INTACT", format!("{key}: {:?}", verification.report().first_failure()))
            })?
            .get();
        let manifest = bundle.manifest();
        Ok(Some(Newest {
            revision,
            id: bundle.id(),
            zip_sha256: Sha256Digest::of(&zip),
            receipts: manifest.receipts.iter().copied().collect(),
            facts: bundle.file(&BundleFile::Facts).and_then(|bytes| serde_json::from_slice(bytes).ok()),
            header: manifest.change.clone(),
        }))
    }

    /// Checks a bundle as anybody would, before it is written for its whole retention.
    fn check(&self, zip: &[u8], id: BundleId) -> Result<(), StepError> {
        let trust = serde_json::to_vec(&self.deps().trust).map_err(of_json)?;
        let options = Options { at: Some(self.now), bundle_id: Some(id) };
        let verification = verify_bundle(zip, &trust, &options);
        match verification.verified() {
            Some(_) => Ok(()),
            None => Err(park("BUNDLE_NOT_INTACT", format!("{:?}", verification.report().first_failure()))),
        }
    }

    /// The index says what the newest bundle says.
    async fn adopt(&self, id: &ChangeId, newest: &Newest) -> Result<(), StepError> {
        let update = |known: Option<ChangeRecord>| {
            let mut record = known?;
            if record.revision > newest.revision {
                return None;
            }
            let runs = record.header.runs.clone();
            record.header = newest.header.clone();
            for run in runs {
                if !record.header.runs.contains(&run) {
                    record.header.runs.push(run);
                }
            }
            record.receipts.extend(newest.receipts.iter().copied());
            record.revision = newest.revision;
            record.bundle = Some(newest.id);
            record.zip_sha256 = Some(newest.zip_sha256);
            Some(record)
        };
        self.deps().index.update_change(id, update).await.map_err(of_table)?;
        Ok(())
    }
}

type Described = (
    ChangeHeader,
    Facts,
    Option<clyra_delta::compare::SemanticDelta>,
    Option<std::sync::Arc<clyra_delta::artifact::manifest::ManifestProjection>>,
);

impl Newest {
    fn covers(&self, receipts: &[Told], facts: &Facts) -> bool {
        receipts.iter().all(|told| self.receipts.contains(&told.receipt.receipt_id))
            && self.facts.as_ref() == Some(facts)
    }
}

impl Linked {
    /// Whether the run still brings the change.
    fn brings(&self, id: &ChangeId, work: &Work<'_>) -> bool {
        self.standing.change_ids(work.connection).contains(id)
    }
}
