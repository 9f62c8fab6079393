//! From what is known of a change to a bundle in the store, once.
//!
//! A bundle is made whole in memory and written by one conditional PUT, so a crash leaves either nothing, and all is
//! made again, or the bundle, and the next try finds it. Its envelopes are never made twice for one object.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::run_results::RunResults;
use clyra_delta::compare::{DeltaClass, SemanticDelta, semantic_delta};
use clyra_delta::results::document::{TestResults, Told};
use clyra_evidence::change::ChangeKind;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::{BundleId, ChangeId, ReceiptId, SourceId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{ChangeClass, ChangeHeader, ChangeMark};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::Put;
use clyra_ports::index::{ChangeRecord, RunRecord};
use clyra_ports::step::StepError;
use clyra_ports::table::Order;
use clyra_verify::{Bundle, Options, verify_bundle};

use crate::assemble::{self, Contents, parameters};
use crate::delivery::VerifiedReceipt;
use crate::enrich::definition::Definition;
use crate::facts::{self, About, FollowUp, hours_between};
use crate::fault::{later, of_store, of_table, park};
use crate::note::{Held, RunNote, RunRef, Standing};
use crate::outcome::{failed, resolves};
use crate::walk::{Among, Walk};
use crate::work::Work;

/// Most revisions of one change: each adds a fact, and none has hundreds.
const REVISIONS_MAX: usize = 10_000;

/// Tries against other writers of the same change.
const TRIES_MAX: usize = 8;

/// Runs looked at for a success after a failure.
const FOLLOW_UP_RUNS_MAX: usize = 50;

/// Most runs that a change is linked with: a change that many jobs run would bury what matters.
const RUNS_MAX: usize = 10;

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
            let Some((mut linked, runs)) = self.brought_by(&record).await? else { return Ok(()) };
            let receipts = self.receipts_of(&record).await?;
            let withdrawn = !linked.brings(id, self);
            self.ensure_freshness(&mut linked.note).await?;
            let described = self.describe(&record, &linked, runs, &receipts, withdrawn).await?;
            let Described { header, facts, delta, after, results, tests } = described;
            let newest = self.newest(id).await?;
            if let Some(newest) = newest.as_ref().filter(|newest| newest.covers(&receipts, &facts))
                && self.names_all(newest, &header.runs).await?
            {
                return self.adopt(id, newest).await;
            }
            if newest.is_none() && withdrawn {
                // Nobody was ever told of it.
                return Ok(());
            }
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
                    delta: delta.as_ref(),
                    manifest_after: after.as_deref(),
                    results: &results,
                    tests: tests.as_ref(),
                },
            )
            .await?;
            self.check(&made.zip, made.id)?;
            let zip_sha256 = Sha256Digest::of(&made.zip);
            let key = ObjectKey::Bundle(*id, revision);
            match self.deps().writer.put_new(&key, Bytes::from(made.zip)).await.map_err(of_store)? {
                Put::Taken => {} // Another writer was first: what it wrote is looked at next.
                Put::Stored => {
                    let receipts = receipts.iter().map(|verified| verified.receipt.receipt_id).collect();
                    let facts = Some(facts);
                    let newest = Newest { revision, id: made.id, zip_sha256, receipts, facts, header };
                    return self.adopt(id, &newest).await;
                }
            }
        }
        Err(later("CHANGE_CONTENDED", format!("others seal the change {id} again and again"), None))
    }

    /// The run that brought the change, and all runs that the change is linked with. It is the first in order that still
    /// does; else, for a change that was taken back, the first that was linked.
    async fn brought_by(&self, record: &ChangeRecord) -> Result<Option<(Linked, Vec<SourceId>)>, StepError> {
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
        let linked = all
            .iter()
            .enumerate()
            .filter(|(at, linked)| *at == best || brings(linked) || linked.standing.follows.contains(&id));
        let runs = linked.map(|(_, linked)| linked.run.run_id.clone()).take(RUNS_MAX).collect();
        Ok((best < all.len()).then(|| (all.swap_remove(best), runs)))
    }

    /// Whether the newest bundle names these runs and no other. One that it names and that is not decided yet still counts
    /// as linked: an index that is made anew learns of it later.
    async fn names_all(&self, newest: &Newest, runs: &[SourceId]) -> Result<bool, StepError> {
        let named = &newest.header.runs;
        if named == runs || !runs.iter().all(|run| named.contains(run)) {
            return Ok(named == runs);
        }
        for run in named.iter().filter(|run| !runs.contains(run)) {
            if !self.run(run).await?.is_some_and(|run| run.decided) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn receipts_of(&self, record: &ChangeRecord) -> Result<Vec<VerifiedReceipt>, StepError> {
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
        runs: Vec<SourceId>,
        receipts: &[VerifiedReceipt],
        withdrawn: bool,
    ) -> Result<Described, StepError> {
        let Linked { run, note, standing } = linked;
        let before = self.projection_of(standing.before.as_ref().and_then(|before| before.held.as_ref())).await?;
        let after = self.projection_of(standing.held.as_ref()).await?;
        let known = before.is_some() || after.is_some();
        let delta = known.then(|| semantic_delta(before.as_deref(), after.as_deref()));
        let told_in_time = receipts.iter().any(VerifiedReceipt::in_time);
        let mut marks = Vec::new();
        if !told_in_time && run.class == FactClass::Reconstructed {
            marks.push(ChangeMark::Late);
        }
        if withdrawn {
            marks.push(ChangeMark::Withdrawn);
        }
        let header = ChangeHeader {
            class: class(record.header.kind, delta.as_ref()),
            live_at: (!withdrawn).then_some(run.started_at),
            runs,
            marks,
            ..record.header.clone()
        };
        let deliveries: Vec<_> = receipts.iter().map(VerifiedReceipt::reading).collect();
        let changed = delta.as_ref().and_then(facts::changed_nodes);
        let (results, tests) = self.shown_by(linked, &header, after.as_deref(), changed.as_deref()).await?;
        let retried = self.retried(run).await?;
        let defined_before = self.defined_before(&header, standing).await?;
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
            tests: tests.as_ref(),
            manifests: (before.as_deref(), after.as_deref()),
            owners: self.deps().config.scope.as_ref().and_then(|scope| scope.scope.owners.as_ref()),
            packages_changed: self.packages_changed(linked).await?,
            defined_before,
            retried: retried.as_ref(),
            follow_up: self.follow_up(run, &header).await?,
            conflicts: self.conflicts(receipts).await?,
        };
        let facts = facts::facts(&about);
        Ok(Described { header, facts, delta, after, results, tests })
    }

    /// The results of the run that brought a change, and what they show of the nodes that it touches.
    async fn shown_by(
        &mut self,
        linked: &Linked,
        header: &ChangeHeader,
        manifest: Option<&ManifestProjection>,
        changed: Option<&[String]>,
    ) -> Result<(Vec<Arc<RunResults>>, Option<TestResults>), StepError> {
        // Where a file is gone nobody knows what it told: the rest shows nothing then.
        let Some(runs) = self.full_results(&linked.note).await? else { return Ok((Vec::new(), None)) };
        let freshness = self.full_freshness(&linked.note).await?;
        let (change_id, run_id) = (header.change_id, &linked.run.run_id);
        let told = Told { change_id, run_id, runs: &runs, freshness: &freshness, manifest, changed };
        let tests = TestResults::of(&told);
        Ok((runs, tests))
    }

    async fn projection_of(&mut self, held: Option<&Held>) -> Result<Option<Arc<ManifestProjection>>, StepError> {
        match held {
            Some(held) => self.projection(&held.run, held.manifest).await,
            None => Ok(None),
        }
    }

    /// The definition before, of the object that a `config` change is about, and the run under which it was read last.
    async fn defined_before(
        &self,
        header: &ChangeHeader,
        standing: &Standing,
    ) -> Result<Option<(RunRef, Definition)>, StepError> {
        let of_job = header.anchor.first().is_some_and(|object| object.starts_with("job/"));
        let seen = if of_job {
            standing.job_before.as_ref().and_then(|job| job.defined.clone())
        } else {
            standing.before.as_ref().and_then(|before| before.defined.clone())
        };
        let Some(seen) = seen.filter(|_| header.kind == ChangeKind::Config) else { return Ok(None) };
        let Some(note) = self.note(&seen.run).await? else { return Ok(None) };
        let definition = match of_job {
            true => note.details.job.map(|job| job.definition),
            false => note.details.environment.map(|environment| environment.definition),
        };
        Ok(definition.map(|definition| (seen, definition)))
    }

    async fn packages_changed(&self, linked: &Linked) -> Result<Option<Vec<String>>, StepError> {
        let before = linked.standing.before.as_ref().and_then(|before| before.held.as_ref());
        let (Some(before), Some(after)) = (before, &linked.standing.held) else { return Ok(None) };
        if before.manifest == after.manifest {
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
        if !failed(run) {
            return Ok(FollowUp::default());
        }
        let ended = run.finished_at.unwrap_or(run.started_at);
        let mut walk = Walk::from(&self.deps().index, run, Among::Job, Order::Ascending, FOLLOW_UP_RUNS_MAX);
        let mut resolved = None;
        while let (None, Some(later)) = (&resolved, walk.next().await?) {
            let later = self.pending.get(&later.run_id).cloned().unwrap_or(later);
            if resolves(&later, run) {
                let hours = hours_between(ended, later.finished_at.unwrap_or(later.started_at));
                resolved = Some((later.run_id, hours));
            }
        }
        let scoped = parameters(self.deps(), header);
        let declared = || self.deps().catalogue.parameter("followUpHoursMax").map(|parameter| &parameter.default);
        let overdue = match scoped.get("followUpHoursMax").or_else(declared) {
            Some(FactValue::Int(hours)) => resolved.is_none() && hours_between(ended, self.now) > *hours,
            _ => false,
        };
        Ok(FollowUp { resolved, overdue })
    }

    /// Receipts of the change under whose id other facts were told.
    async fn conflicts(&self, receipts: &[VerifiedReceipt]) -> Result<Vec<ReceiptId>, StepError> {
        // The conflicts of a deployment are few and each one is an alarm, so all of them are listed.
        let listed = self.deps().reader.list(&ObjectPrefix::Conflicts, None, REVISIONS_MAX).await.map_err(of_store)?;
        let in_conflict =
            |id: &ReceiptId| listed.iter().any(|key| matches!(key, ObjectKey::Conflict(other, _) if other == id));
        Ok(receipts.iter().map(|verified| verified.receipt.receipt_id).filter(in_conflict).collect())
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
        let verification = verify_bundle(&zip, &self.deps().trust, &Options::default());
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
        let options = Options { at: Some(self.now), bundle_id: Some(id) };
        let verification = verify_bundle(zip, &self.deps().trust, &options);
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

/// What is known of a change.
struct Described {
    header: ChangeHeader,
    facts: Facts,
    delta: Option<SemanticDelta>,
    after: Option<Arc<ManifestProjection>>,
    results: Vec<Arc<RunResults>>,
    tests: Option<TestResults>,
}

/// Whether behaviour can differ: whatever the manifests say, an override, a version or a definition can alter what is
/// computed.
fn class(kind: ChangeKind, delta: Option<&SemanticDelta>) -> ChangeClass {
    match (kind, delta.map(|delta| delta.class)) {
        (ChangeKind::Code, Some(DeltaClass::Documentation)) => ChangeClass::Documentation,
        (ChangeKind::Code, Some(DeltaClass::Unknown) | None) => ChangeClass::Unknown,
        _ => ChangeClass::Behavioural,
    }
}

impl Newest {
    fn covers(&self, receipts: &[VerifiedReceipt], facts: &Facts) -> bool {
        receipts.iter().all(|verified| self.receipts.contains(&verified.receipt.receipt_id))
            && self.facts.as_ref() == Some(facts)
    }
}

impl Linked {
    /// Whether the run still brings the change.
    fn brings(&self, id: &ChangeId, work: &Work<'_>) -> bool {
        self.standing.change_ids(work.connection).contains(id)
    }
}
