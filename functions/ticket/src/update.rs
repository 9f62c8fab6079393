//! How an open ticket is brought up to date: the files of the newest bundle, and a note on what is new.

use clyra_evidence::id::BundleId;
use clyra_evidence::text::UntrustedText;
use clyra_ports::ledger::TicketRecord;
use clyra_ports::step::StepError;
use clyra_workpaper::{parts, pdf};

use crate::at_target::AtTarget;
use crate::desk::{Desk, Update};
use crate::draft::correlation_id;
use crate::note;
use crate::target::{Attachment, Ticket};
use crate::worth::Shape;

/// Most notes about further runs on one ticket: a change that many jobs run would bury what matters.
const RUN_NOTES_MAX: u32 = 10;

/// What a bundle brings to a ticket.
enum News {
    /// The ticket was opened with its note: only the files are missing.
    Files,
    /// Only runs were added; `note` while there is room for one.
    Runs { note: bool },
    /// More was learned.
    Revision,
}

impl AtTarget<'_> {
    /// Tells the change's own ticket of this revision; `created` says that the opening did so in words.
    pub(crate) async fn bring_up_to_date(&self, created: bool) -> Result<(), StepError> {
        let (change, revision) = (self.evidence.manifest.change.change_id, self.evidence.manifest.revision);
        let desk = self.desk();
        let Some(record) = desk.take_turn(&change, revision).await? else { return Ok(()) };
        let news = self.news(&record, created);
        let written = self.write_news(&desk, &record, &news).await;
        match written {
            Ok(()) => desk.record_update(&change, &self.update(matches!(news, News::Runs { note: true }))).await,
            Err(error) => self.failed(&desk, error).await,
        }
    }

    /// Tells the ticket of an earlier change of this one too.
    pub(crate) async fn join(&self, first: &TicketRecord, shape: &Shape) -> Result<(), StepError> {
        let change = self.evidence.manifest.change.change_id;
        let desk = self.desk();
        if desk.take_to_share(&change).await?.is_none() {
            return self.bring_up_to_date(false).await;
        }
        let ticket = ticket(first);
        let text = note::of_joining(self.content(), shape.flagged, self.now);
        let written = match self.attach_files(&desk, &ticket).await {
            Ok(()) => desk.target.note(&ticket, &text).await.map_err(StepError::from),
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => desk.shared(&change, first, &self.update(false)).await,
            Err(error) => self.failed(&desk, error).await,
        }
    }

    fn news(&self, record: &TicketRecord, created: bool) -> News {
        let evidence = self.evidence;
        if record.told_revision == 0 {
            // Whoever opened it did so with the note of its revision, and the first one is the only one before this.
            return if created || evidence.manifest.revision == 1 { News::Files } else { News::Revision };
        }
        let same_content = record.told_content == Some(evidence.digest());
        if same_content && evidence.runs() > record.told_runs {
            return News::Runs { note: record.run_notes < RUN_NOTES_MAX };
        }
        News::Revision
    }

    async fn write_news(&self, desk: &Desk<'_>, record: &TicketRecord, news: &News) -> Result<(), StepError> {
        let ticket = ticket(record);
        if record.shared_with.is_none() {
            desk.report_latecomers(record, &correlation_id(&record.change_id)).await?;
        }
        match news {
            News::Files => self.attach_files(desk, &ticket).await?,
            News::Runs { note: false } => {}
            News::Runs { note: true } => {
                desk.target.note(&ticket, &note::of_runs(self.content(), record.told_runs)).await?;
            }
            News::Revision => {
                self.attach_files(desk, &ticket).await?;
                desk.target.note(&ticket, &note::of_revision(self.content())).await?;
            }
        }
        Ok(())
    }

    async fn attach_files(&self, desk: &Desk<'_>, ticket: &Ticket) -> Result<(), StepError> {
        let id = short(&self.evidence.bundle_id);
        let mut paper = self.evidence.paper.clone();
        paper.name_ticket(&words_of(ticket));
        let paper = pdf::file(&paper)
            .map_err(|error| StepError::Park { code: "WORK_PAPER_NOT_DRAWN", reason: error.to_string() })?;
        let files = [
            Attachment { name: format!("workpaper-{id}.pdf"), media_type: "application/pdf", bytes: paper },
            Attachment {
                name: format!("manifest-{id}.json"),
                media_type: "application/json",
                bytes: self.evidence.manifest_payload.clone(),
            },
        ];
        for file in &files {
            desk.target.attach(ticket, file).await?;
        }
        Ok(())
    }

    fn update(&self, is_run_note: bool) -> Update {
        Update {
            bundle_id: self.evidence.bundle_id,
            revision: self.evidence.manifest.revision,
            runs: self.evidence.runs(),
            content: self.evidence.digest(),
            is_run_note,
        }
    }

    async fn failed(&self, desk: &Desk<'_>, error: StepError) -> Result<(), StepError> {
        let code = match &error {
            StepError::Later { code, .. } | StepError::Park { code, .. } => code,
        };
        desk.release(&self.evidence.manifest.change.change_id, code).await?;
        Err(error)
    }
}

/// The beginning of a bundle's id, as it stands in file names: systems allow attachments to be replaced, the name tells.
fn short(id: &BundleId) -> String {
    id.to_string().chars().take(16).collect()
}

fn words_of(ticket: &Ticket) -> parts::Ticket {
    parts::Ticket { number: UntrustedText::new(&ticket.number), created_at: ticket.opened_at }
}

pub(crate) fn ticket(record: &TicketRecord) -> Ticket {
    Ticket {
        id: record.target_id.clone().unwrap_or_default(),
        number: record.number.clone().unwrap_or_default(),
        opened_at: record.opened_at,
    }
}
