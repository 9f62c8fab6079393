//! Tables of string values, the fields of a change request and their limits, and what a new instance contains.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// A row: every value is a string, an absent field is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    values: BTreeMap<String, String>,
}

impl Record {
    /// The value of a field, empty if it has none.
    pub fn get(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    /// All fields that were ever set.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    pub(super) fn set(&mut self, field: &str, value: impl Into<String>) {
        self.values.insert(field.to_owned(), value.into());
    }
}

/// An attached file.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The id of the attachment.
    pub sys_id: String,
    /// The table of the record it belongs to.
    pub table_name: String,
    /// The record it belongs to.
    pub table_sys_id: String,
    /// The name; two attachments may have the same.
    pub file_name: String,
    /// The media type as it was sent.
    pub content_type: String,
    /// The bytes.
    pub content: Bytes,
    /// When it came.
    pub created_at: Timestamp,
}

/// A field of `change_request` as `sys_dictionary` describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Longer values are cut in silence.
    pub(super) length_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
    Time,
    Reference(&'static str),
    /// Set by the instance; what a client sends for it is ignored in silence.
    ReadOnly,
}

const fn field(name: &'static str, kind: Kind, length_max: usize) -> Field {
    Field { name, kind, length_max }
}

/// The fields that a client may meet. Whatever is not here does not exist and is ignored in silence.
pub(super) const CHANGE_FIELDS: [Field; 49] = [
    field("active", Kind::ReadOnly, 40),
    field("approval", Kind::ReadOnly, 40),
    field("assigned_to", Kind::Reference("sys_user"), 32),
    field("assignment_group", Kind::Reference("sys_user_group"), 32),
    field("backout_plan", Kind::Text, 4000),
    field("business_service", Kind::Reference("cmdb_ci_service"), 32),
    field("cab_date", Kind::Time, 40),
    field("cab_required", Kind::Boolean, 40),
    field("category", Kind::Text, 40),
    field("chg_model", Kind::Reference("chg_model"), 32),
    field("close_code", Kind::Text, 40),
    field("close_notes", Kind::Text, 4000),
    field("cmdb_ci", Kind::Reference("cmdb_ci"), 32),
    field("conflict_status", Kind::ReadOnly, 40),
    field("correlation_display", Kind::Text, 100),
    field("correlation_id", Kind::Text, 100),
    field("description", Kind::Text, 4000),
    field("end_date", Kind::Time, 40),
    field("impact", Kind::Integer, 40),
    field("implementation_plan", Kind::Text, 4000),
    field("justification", Kind::Text, 4000),
    field("number", Kind::ReadOnly, 40),
    field("on_hold", Kind::Boolean, 40),
    field("on_hold_reason", Kind::Text, 4000),
    field("outside_maintenance_schedule", Kind::Boolean, 40),
    field("phase", Kind::Text, 40),
    field("priority", Kind::Integer, 40),
    field("production_system", Kind::Boolean, 40),
    field("reason", Kind::Text, 40),
    field("requested_by", Kind::Reference("sys_user"), 32),
    field("requested_by_date", Kind::Time, 40),
    field("review_comments", Kind::Text, 4000),
    field("risk", Kind::Integer, 40),
    field("risk_impact_analysis", Kind::Text, 4000),
    field("scope", Kind::Integer, 40),
    field("service_offering", Kind::Reference("service_offering"), 32),
    field("short_description", Kind::Text, 160),
    field("start_date", Kind::Time, 40),
    field("state", Kind::Integer, 40),
    field("std_change_producer_version", Kind::ReadOnly, 32),
    field("sys_created_by", Kind::ReadOnly, 40),
    field("sys_created_on", Kind::ReadOnly, 40),
    field("sys_id", Kind::ReadOnly, 32),
    field("test_plan", Kind::Text, 4000),
    field("type", Kind::Text, 40),
    field("unauthorized", Kind::Boolean, 40),
    field("work_end", Kind::Time, 40),
    field("work_notes", Kind::Text, 4000),
    field("work_start", Kind::Time, 40),
];

pub(super) fn change_field(name: &str) -> Option<&'static Field> {
    CHANGE_FIELDS.iter().find(|field| field.name == name)
}

/// The group every fresh instance of the stand-in has.
const GROUP: &str = "d625dccec0a8016700a222a0f7900d06";
/// The template for standard changes.
const TEMPLATE: &str = "508e02ec47410200e90d87e8dee49058";

/// (element, value, label). Risk differs between instances: this one counts 2 High, 3 Moderate, 4 Low.
const CHOICES: [(&str, &str, &str); 27] = [
    ("risk", "2", "High"),
    ("risk", "3", "Moderate"),
    ("risk", "4", "Low"),
    ("impact", "1", "1 - High"),
    ("impact", "2", "2 - Medium"),
    ("impact", "3", "3 - Low"),
    ("state", "-5", "New"),
    ("state", "-4", "Assess"),
    ("state", "-3", "Authorize"),
    ("state", "-2", "Scheduled"),
    ("state", "-1", "Implement"),
    ("state", "0", "Review"),
    ("state", "3", "Closed"),
    ("state", "4", "Canceled"),
    ("type", "normal", "Normal"),
    ("type", "standard", "Standard"),
    ("type", "emergency", "Emergency"),
    ("close_code", "successful", "Successful"),
    ("close_code", "successful_issues", "Successful with issues"),
    ("close_code", "unsuccessful", "Unsuccessful"),
    ("category", "Software", "Software"),
    ("category", "Other", "Other"),
    ("priority", "1", "1 - Critical"),
    ("priority", "2", "2 - High"),
    ("priority", "3", "3 - Moderate"),
    ("priority", "4", "4 - Low"),
    ("reason", "", "-- None --"),
];

/// Every table by name, rows oldest first.
#[derive(Debug, Default)]
pub(super) struct Tables {
    by_name: BTreeMap<String, Vec<Record>>,
    ids: u64,
    numbers: u32,
}

impl Tables {
    pub(super) fn of_a_new_instance() -> Self {
        let mut tables = Self { by_name: BTreeMap::new(), ids: 0, numbers: 30_000 };
        for table in ["change_request", "change_task", "task_ci", "sys_user", "cmdb_ci"] {
            tables.by_name.insert(table.to_owned(), Vec::new());
        }
        let epoch = Timestamp::UNIX_EPOCH;
        for (element, value, label) in CHOICES {
            let row = [
                ("name", "change_request"),
                ("element", element),
                ("value", value),
                ("label", label),
                ("inactive", "false"),
            ];
            tables.import("sys_choice", &row, epoch);
        }
        for field in CHANGE_FIELDS {
            let length = field.length_max.to_string();
            let row = [("name", "change_request"), ("element", field.name), ("max_length", length.as_str())];
            tables.import("sys_dictionary", &row, epoch);
        }
        tables.import("sys_user_group", &[("sys_id", GROUP), ("name", "Change Management")], epoch);
        tables.import(
            "cmdb_ci",
            &[("sys_id", "46db0f98a9fe198101c6dfd7dcb1f7be"), ("name", "Finance data warehouse")],
            epoch,
        );
        let template = [
            ("sys_id", TEMPLATE),
            ("name", "Data model release"),
            ("short_description", "Release of data models"),
            ("description", "Release of data models through dbt"),
            ("implementation_plan", "The next production job builds the merged models"),
            ("backout_plan", "Revert the merge and run the job again"),
            ("test_plan", "Tests run with the build"),
        ];
        tables.import("std_change_record_producer", &template, epoch);
        for (id, name) in [("normal", "Normal"), ("standard", "Standard"), ("emergency", "Emergency")] {
            tables.import("chg_model", &[("name", name), ("default_change_type", id)], epoch);
        }
        tables
    }

    pub(super) fn exists(&self, table: &str) -> bool {
        self.by_name.contains_key(table)
    }

    pub(super) fn rows(&self, table: &str) -> &[Record] {
        self.by_name.get(table).map_or(&[], Vec::as_slice)
    }

    pub(super) fn find(&self, table: &str, sys_id: &str) -> Option<&Record> {
        self.rows(table).iter().find(|row| row.get("sys_id") == sys_id)
    }

    pub(super) fn find_mut(&mut self, table: &str, sys_id: &str) -> Option<&mut Record> {
        self.by_name.get_mut(table)?.iter_mut().find(|row| row.get("sys_id") == sys_id)
    }

    pub(super) fn push(&mut self, table: &str, record: Record) {
        self.by_name.entry(table.to_owned()).or_default().push(record);
    }

    pub(super) fn import(&mut self, table: &str, values: &[(&str, &str)], now: Timestamp) -> String {
        let mut record = self.blank(now);
        for (field, value) in values {
            record.set(field, *value);
        }
        let sys_id = record.get("sys_id").to_owned();
        self.push(table, record);
        sys_id
    }

    /// A record with an id and its creation facts.
    pub(super) fn blank(&mut self, now: Timestamp) -> Record {
        let mut record = Record::default();
        record.set("sys_id", self.next_id());
        record.set("sys_created_on", time(now));
        record.set("sys_created_by", "clyra.integration");
        record
    }

    pub(super) fn next_id(&mut self) -> String {
        self.ids += 1;
        hex(&Sha256::digest(format!("sys_id {}", self.ids)))[..32].to_owned()
    }

    pub(super) fn next_number(&mut self, prefix: &str) -> String {
        self.numbers += 1;
        format!("{prefix}{:07}", self.numbers)
    }
}

pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The label of a choice.
pub(super) fn choice_label(element: &str, value: &str) -> Option<&'static str> {
    CHOICES.iter().find(|(of, is, _)| *of == element && *is == value).map(|(_, _, label)| *label)
}
