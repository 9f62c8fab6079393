//! ServiceNow change requests, by the Table API or the Change Management API.
//!
//! What an instance does that hurts: it has no idempotency key and no unique index on `correlation_id`; it leaves out
//! unknown fields and invalid terms of a query without a word; it answers for a record that an access rule hides as for
//! one that is not there; it sleeps behind a web page with status 200. Each of these has its place below.

mod answers;
mod auth;
mod change_api;
pub mod fields;
mod refusal;
mod table;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_outbound::error::BuildError;
use clyra_outbound::{Limits, Outbound, RequestPath};
use serde_json::{Map, Value, json};

use self::answers::{Row, created, row_with, rows};
use self::auth::Caller;
pub use self::auth::SignIn;
use self::refusal::{of_read, of_write};
use crate::draft::Draft;
use crate::target::{Attachment, Created, Target, TargetError, Ticket};
use crate::worth::TicketType;

/// Most rows read of a look-up: one is right, more are surplus to be reported.
const ROWS_MAX: usize = 20;

/// Which interface of the instance is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Api {
    /// The Table API on `change_request`: what every instance has.
    #[default]
    Table,
    /// The Change Management API (`sn_chg_rest`).
    ChangeManagement {
        /// The template of standard changes (`std_change_record_producer`); without one a standard change is asked for
        /// by its type, which instances may refuse.
        standard_template: Option<String>,
    },
}

/// One instance, signed in to.
#[derive(Debug)]
pub struct ServiceNow {
    caller: Caller,
    api: Api,
}

impl ServiceNow {
    /// Connects to the instance that `sign_in` is for. Nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub fn connect(outbound: &Outbound, sign_in: SignIn, api: Api, limits: Limits) -> Result<Self, BuildError> {
        Ok(Self { caller: Caller::new(outbound, sign_in, limits)?, api })
    }

    fn query(&self, correlation_id: &str) -> RequestPath {
        // The id is of characters that cannot break a query (`draft::correlation_id`).
        let query = format!("correlation_id={correlation_id}^ORDERBYsys_created_on");
        let limit = ROWS_MAX.to_string();
        match self.api {
            Api::Table => table::list().query("sysparm_query", &query).query("sysparm_limit", &limit),
            Api::ChangeManagement { .. } => {
                change_api::list().query("sysparm_query", &query).query("sysparm_limit", &limit)
            }
        }
    }

    fn one(&self, sys_id: &str) -> RequestPath {
        match self.api {
            Api::Table => table::one(sys_id),
            Api::ChangeManagement { .. } => change_api::one(sys_id),
        }
    }

    fn place_of_creation(&self, kind: TicketType) -> RequestPath {
        match &self.api {
            Api::Table => table::create(),
            Api::ChangeManagement { standard_template } => change_api::create(kind, standard_template.as_deref()),
        }
    }

    /// Whether the correlation id was kept: without it nobody finds the ticket again, and a retry opens another.
    async fn check_kept(&self, row: &Row, draft: &Draft) -> Result<(), TargetError> {
        if row.correlation_id == draft.correlation_id {
            return Ok(());
        }
        let answer = self.caller.get(&self.one(&row.ticket.id)).await.map_err(of_read)?;
        let kept = row_with(&answer, &row.ticket.id).is_some_and(|read| read.correlation_id == draft.correlation_id);
        if kept {
            return Ok(());
        }
        Err(TargetError::Refused {
            code: "CORRELATION_ID_NOT_KEPT",
            reason: format!(
                "the instance opened {} without its correlation_id: let the integration user write correlation_id on \
                 change_request (100 characters are needed), cancel {}, and redrive",
                row.ticket.number, row.ticket.number
            ),
        })
    }
}

#[async_trait]
impl Target for ServiceNow {
    fn may_be_configured(&self, field: &str) -> bool {
        fields::may_be_configured(field)
    }

    async fn find(&self, correlation_id: &str) -> Result<Vec<Ticket>, TargetError> {
        let answer = self.caller.get(&self.query(correlation_id)).await.map_err(of_read)?;
        let rows = rows(&answer)?;
        let all = rows.len();
        let found: Vec<Ticket> =
            rows.into_iter().filter(|row| row.correlation_id == correlation_id).map(|row| row.ticket).collect();
        if found.is_empty() && all > 0 {
            // The term was left out of the query, so "none" would be a guess, and a guess opens a second ticket.
            return Err(TargetError::Refused {
                code: "QUERY_NOT_UNDERSTOOD",
                reason:
                    "the instance ignores the query by correlation_id, so nobody can tell whether the ticket is there: \
                         let the integration user read correlation_id on change_request"
                        .to_owned(),
            });
        }
        Ok(found)
    }

    async fn create(&self, draft: &Draft) -> Result<Created, TargetError> {
        let path = self.place_of_creation(draft.ticket_type);
        let sent = fields::of(draft);
        let answer = self.caller.post(&path, &sent).await.map_err(of_write)?;
        let created = created(&answer)?;
        let mut not_kept = fields::not_kept(&sent, &created.fields);
        not_kept.extend(created.ignored);
        not_kept.sort();
        not_kept.dedup();
        if !not_kept.is_empty() {
            tracing::warn!(
                ticket.number = created.row.ticket.number,
                fields = not_kept.join(","),
                "servicenow.fields_not_kept: the instance left fields out of a ticket or changed them"
            );
        }
        self.check_kept(&created.row, draft).await?;
        Ok(Created { ticket: created.row.ticket, not_kept })
    }

    async fn note(&self, ticket: &Ticket, text: &str) -> Result<(), TargetError> {
        let note = json!({ "work_notes": fields::text(text) });
        self.caller.patch(&self.one(&ticket.id), &note).await.map_err(of_write)?;
        Ok(())
    }

    async fn attach(&self, ticket: &Ticket, attachment: &Attachment) -> Result<(), TargetError> {
        let query = format!("table_sys_id={}^file_name={}", ticket.id, attachment.name);
        let look_up = table::attachments().query("sysparm_query", &query).query("sysparm_limit", "100");
        let answer = self.caller.get(&look_up).await.map_err(of_read)?;
        if answers::has_attachment(&answer, &ticket.id, &attachment.name)? {
            return Ok(());
        }
        let upload = table::upload()
            .query("table_name", "change_request")
            .query("table_sys_id", &ticket.id)
            .query("file_name", &attachment.name);
        let bytes = Bytes::from(attachment.bytes.clone());
        self.caller.upload(&upload, attachment.media_type, bytes).await.map_err(of_write)?;
        Ok(())
    }
}

/// A JSON object.
type Object = Map<String, Value>;
