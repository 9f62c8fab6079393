//! `run_results.json` (v4 to v6): what a dbt invocation was asked and what each node came to.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::{OBJECT_NAME_CHARS_MAX, UntrustedText};
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::error::{ArtifactError, ArtifactKind, Place};
use crate::artifact::metadata::Metadata;
use crate::artifact::reader::{Shape, Sink, expect_object, read};
use crate::artifact::value::{EMPTY, Fields, Object, Value};
use crate::canonical::{Keep, digest_of};

/// Most bytes of a `run_results.json`, which repeats the compiled code of every node: half a manifest's limit.
pub const RUN_RESULTS_BYTES_MAX: usize = 512 << 20;

/// Most results, selection items or variables: more than any manifest has resources.
pub const RESULTS_MAX: usize = 1_000_000;

/// Marks results in their cached form, as [`crate::artifact::manifest::PROJECTION_FORMAT`] does a manifest's.
const CACHED_FORMAT: &str = "clyra/dbt-run-results/0";

/// What Clyra keeps of a `run_results.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResults {
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Who wrote it.
    pub metadata: Metadata,
    /// What the invocation was asked.
    pub args: RunArgs,
    /// How long it took, in milliseconds.
    pub elapsed_ms: Option<u64>,
    /// What each node came to, by unique id.
    pub nodes: Vec<NodeResult>,
}

/// The arguments of an invocation that matter for control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunArgs {
    /// The command: `build`, `run`, `test`, `run-operation`, …; null where not told.
    pub which: Option<UntrustedText>,
    /// `--full-refresh`.
    pub full_refresh: bool,
    /// `--select`, item by item.
    pub select: Vec<UntrustedText>,
    /// `--exclude`, item by item.
    pub exclude: Vec<UntrustedText>,
    /// `--selector`; null where none.
    pub selector: Option<UntrustedText>,
    /// Names of the variables given, sorted. Their values are not kept.
    pub vars: Vec<UntrustedText>,
    /// Digest of the variables with their values, to tell two runs apart; null where none were given. A value that can
    /// be guessed can be confirmed by it, so it is never written.
    #[serde(skip)]
    pub vars_digest: Option<Sha256Digest>,
    /// `--resource-type` or `--exclude-resource-type`: only some types of nodes were taken up.
    pub by_type: bool,
    /// `--indirect-selection`: which tests come along with the nodes that were selected.
    pub indirect_selection: Option<IndirectSelection>,
    /// `--defer`: what was not selected is read from another environment.
    pub defer: bool,
    /// `--favor-state`: what was not selected is read from there even where this environment has it.
    pub favor_state: bool,
    /// Whether `--state` or `--defer-state` named the artifacts of an earlier run. The path itself is not kept.
    pub state: bool,
    /// `--empty`: tables are built without rows.
    pub empty: bool,
    /// `--sample`: tables are built from a part of the rows.
    pub sample: bool,
    /// `--target`; null where the profile's default was used.
    pub target: Option<UntrustedText>,
}

/// `--indirect-selection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum IndirectSelection {
    Eager,
    Cautious,
    Buildable,
    Empty,
    /// A word that this version of Clyra does not know.
    Other,
}

/// What one node came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeResult {
    /// Its unique id.
    pub unique_id: String,
    /// The result.
    pub status: Status,
    /// Failing rows of a test.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failures: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub execution_ms: Option<u64>,
    /// Rows written, where the adapter tells; drivers say -1 for "not known".
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows_affected: Option<i64>,
    /// Digest of the SQL that ran; results tell it from v5 on, of nodes that have any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compiled: Option<Sha256Digest>,
    /// Of a microbatch model, how many batches came to what.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batches: Option<Batches>,
    /// Under which ids the warehouse knows the query, where the adapter tells.
    pub query: QueryIds,
    /// Whether the adapter gave an id of more than 200 characters, which is not kept.
    pub query_id_dropped: bool,
}

/// The batches of a microbatch model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Batches {
    pub succeeded: u64,
    pub failed: u64,
}

/// How a warehouse names a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryIds {
    /// `query_id` (Snowflake, Databricks, Redshift, Athena, Trino).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub query_id: Option<UntrustedText>,
    /// `job_id` (BigQuery).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub job_id: Option<UntrustedText>,
    /// `project_id` (BigQuery), without which a job id says nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project_id: Option<UntrustedText>,
    /// `location` (BigQuery), likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<UntrustedText>,
}

impl QueryIds {
    /// Whether the query can be looked up at all.
    #[must_use]
    pub const fn has_id(&self) -> bool {
        self.query_id.is_some() || self.job_id.is_some()
    }
}

/// `status` of a result. dbt's words; which of them a node can have depends on what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum Status {
    Success,
    PartialSuccess,
    Error,
    RuntimeError,
    Skipped,
    NoOp,
    Reused,
    Pass,
    Warn,
    Fail,
    /// A word that this version of Clyra does not know: never read as good.
    Other,
}

impl Status {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "success" => Self::Success,
            "partial success" => Self::PartialSuccess,
            "error" => Self::Error,
            "runtime error" => Self::RuntimeError,
            "skipped" => Self::Skipped,
            "no-op" => Self::NoOp,
            "reused" => Self::Reused,
            "pass" => Self::Pass,
            "warn" => Self::Warn,
            "fail" => Self::Fail,
            _ => Self::Other,
        }
    }

    /// Whether the node was run, well or not.
    #[must_use]
    pub const fn is_executed(self) -> bool {
        !matches!(self, Self::Skipped | Self::NoOp | Self::Reused)
    }
}

impl RunResults {
    /// Reads a `run_results.json`.
    ///
    /// # Errors
    /// When the bytes are something else; see [`ArtifactError`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut sink = ResultsSink::default();
        read(bytes, &mut sink)?;
        let metadata = sink.metadata.ok_or(ArtifactError::NotThisArtifact { expected: ArtifactKind::RunResults })?;
        sink.nodes.sort_by(|a, b| a.unique_id.cmp(&b.unique_id));
        // Of a node that is told twice nobody knows which result holds.
        if let Some(twice) = sink.nodes.windows(2).find(|pair| pair[0].unique_id == pair[1].unique_id) {
            return Err(ArtifactError::DuplicateMember { place: Place::member("results", &twice[0].unique_id) });
        }
        let sha256 = Sha256Digest::of(bytes);
        Ok(Self { sha256, metadata, args: sink.args, elapsed_ms: sink.elapsed_ms, nodes: sink.nodes })
    }

    /// The cached form: the same bytes for the same results. The digest of the variables is not in it.
    ///
    /// # Errors
    /// Never in practice: all members are text and numbers.
    pub fn to_cached(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&(CACHED_FORMAT, self))
    }

    /// Reads what [`Self::to_cached`] wrote; `None` where it is something else, or of another version.
    #[must_use]
    pub fn from_cached(bytes: &[u8]) -> Option<Self> {
        let (format, results): (String, Self) = serde_json::from_slice(bytes).ok()?;
        (format == CACHED_FORMAT).then_some(results)
    }

    /// Whether a success in it means that a table was built from its code: `clone` copies one, and what only compiles says
    /// `success` too.
    #[must_use]
    pub fn builds(&self) -> bool {
        let which = self.args.which.as_ref().map(UntrustedText::as_untrusted);
        !matches!(which, Some("clone" | "compile" | "docs" | "generate" | "list" | "ls" | "parse" | "show"))
    }

    /// Whether tables were built from a part of the rows, or from none, so that a test of them shows nothing.
    #[must_use]
    pub const fn has_limited_rows(&self) -> bool {
        self.args.empty || self.args.sample
    }
}

#[derive(Default)]
struct ResultsSink {
    metadata: Option<Metadata>,
    args: RunArgs,
    elapsed_ms: Option<u64>,
    nodes: Vec<NodeResult>,
}

impl Sink for ResultsSink {
    const KIND: ArtifactKind = ArtifactKind::RunResults;
    const BYTES_MAX: usize = RUN_RESULTS_BYTES_MAX;

    fn section(name: &str) -> Option<(&'static str, Shape)> {
        match name {
            "metadata" => Some(("metadata", Shape::Object)),
            "args" => Some(("args", Shape::Object)),
            "elapsed_time" => Some(("elapsed_time", Shape::Any)),
            "results" => Some(("results", Shape::Elements(is_result_field))),
            _ => None,
        }
    }

    fn take(&mut self, section: &'static str, member: &str, value: Value<'_>) -> Result<(), ArtifactError> {
        if section == "elapsed_time" {
            self.elapsed_ms = value.as_f64().and_then(milliseconds);
            return Ok(());
        }
        let object = expect_object(section, member, &value)?;
        match section {
            "metadata" => self.metadata = Some(Metadata::from_object(Self::KIND, object)?),
            "args" => self.args = args(Fields { section, member, object })?,
            _ if self.nodes.len() == RESULTS_MAX => {
                return Err(ArtifactError::TooMany { section, max: RESULTS_MAX });
            }
            _ => self.nodes.push(node_result(Fields { section, member, object })?),
        }
        Ok(())
    }
}

fn is_result_field(name: &str) -> bool {
    matches!(
        name,
        "adapter_response" | "batch_results" | "compiled_code" | "execution_time" | "failures" | "status" | "unique_id"
    )
}

fn args(fields: Fields<'_, '_>) -> Result<RunArgs, ArtifactError> {
    let text = |name| Ok(fields.text(name)?.map(UntrustedText::new));
    // Flags that newer versions of dbt add are absent in older artifacts, and null means not given.
    let flag = |name| Ok(fields.typed(name, "a boolean", Value::as_bool)?.unwrap_or(false));
    let (vars, vars_digest) = vars(fields)?;
    let given = |name| fields.get(name).is_some_and(is_given);
    Ok(RunArgs {
        which: text("which")?,
        full_refresh: flag("full_refresh")?,
        select: selection(fields, "select")?,
        exclude: selection(fields, "exclude")?,
        selector: text("selector")?,
        vars,
        vars_digest,
        by_type: given("resource_types") || given("exclude_resource_types"),
        indirect_selection: fields.text("indirect_selection")?.map(indirect_selection),
        defer: flag("defer")?,
        favor_state: flag("favor_state")?,
        state: given("state") || given("defer_state"),
        empty: flag("empty")?,
        sample: fields.get("sample").is_some_and(|value| value.as_bool() != Some(false)),
        target: text("target")?,
    })
}

/// dbt writes what was not given as null, an empty text or an empty array.
fn is_given(value: &Value<'_>) -> bool {
    value.as_text() != Some("") && value.as_list().is_none_or(|items| !items.is_empty())
}

fn indirect_selection(text: &str) -> IndirectSelection {
    match text {
        "eager" => IndirectSelection::Eager,
        "cautious" => IndirectSelection::Cautious,
        "buildable" => IndirectSelection::Buildable,
        "empty" => IndirectSelection::Empty,
        _ => IndirectSelection::Other,
    }
}

/// An array of items; older versions of dbt write one text.
fn selection(fields: Fields<'_, '_>, name: &'static str) -> Result<Vec<UntrustedText>, ArtifactError> {
    let wrong = || fields.wrong(name, "an array of strings");
    let item = |value: &Value<'_>| value.as_text().map(|text| UntrustedText::new(&bounded_name(text)));
    match fields.get(name) {
        None => Ok(Vec::new()),
        Some(Value::List(items)) => items.iter().map(|value| item(value).ok_or_else(wrong)).collect(),
        Some(value) => Ok(vec![item(value).ok_or_else(wrong)?]),
    }
}

/// An object; older versions of dbt write the text of the command line, whose names are not picked out.
fn vars(fields: Fields<'_, '_>) -> Result<(Vec<UntrustedText>, Option<Sha256Digest>), ArtifactError> {
    match fields.get("vars") {
        None => Ok((Vec::new(), None)),
        Some(value @ Value::Object(object)) => {
            // A variable that is empty is still given: the rule that drops empty members is not for the outermost.
            let names = object.iter().map(|(name, _)| UntrustedText::new(&bounded_name(name))).collect::<Vec<_>>();
            let digest = digest_of(value, Keep::All).or_else(|| (!names.is_empty()).then(|| Sha256Digest::of(b"de")));
            Ok((names, digest))
        }
        Some(Value::Text(text)) if matches!(text.trim(), "" | "{}") => Ok((Vec::new(), None)),
        Some(value @ Value::Text(_)) => Ok((Vec::new(), digest_of(value, Keep::All))),
        Some(_) => Err(fields.wrong("vars", "an object")),
    }
}

fn node_result(fields: Fields<'_, '_>) -> Result<NodeResult, ArtifactError> {
    let unique_id = fields.text("unique_id")?.ok_or_else(|| fields.wrong("unique_id", "a string"))?;
    let fields = Fields { member: unique_id, ..fields };
    let status = fields.text("status")?.ok_or_else(|| fields.wrong("status", "a string"))?;
    let response = fields.child("adapter_response")?.unwrap_or(&EMPTY);
    let (query, query_id_dropped) = query_ids(response);
    let batches = batches(fields)?;
    let status = match (Status::parse(status), batches) {
        // A model whose batches failed did not succeed, whatever its status says.
        (Status::Success, Some(Batches { failed: 1.., .. })) => Status::PartialSuccess,
        (status, _) => status,
    };
    Ok(NodeResult {
        unique_id: bounded_name(unique_id),
        status,
        failures: fields.typed("failures", "an integer", Value::as_i64)?,
        execution_ms: fields.typed("execution_time", "a number", Value::as_f64)?.and_then(milliseconds),
        rows_affected: response.get("rows_affected").and_then(Value::as_i64).filter(|rows| *rows >= 0),
        compiled: fields.text("compiled_code")?.map(|code| Sha256Digest::of(code.as_bytes())),
        batches,
        query,
        query_id_dropped,
    })
}

/// `batch_results` (v6); `overload_results`, of functions, says nothing about rows and is not read.
fn batches(fields: Fields<'_, '_>) -> Result<Option<Batches>, ArtifactError> {
    let Some(told) = fields.child("batch_results")? else { return Ok(None) };
    let told = Fields { object: told, ..fields };
    let count = |name| Ok(told.list(name)?.map_or(0, |batches| batches.len() as u64));
    Ok(Some(Batches { succeeded: count("successful")?, failed: count("failed")? }))
}

/// Adapters write what they like into their response: what is not a text of bearable length is no id.
fn query_ids(response: &Object<'_>) -> (QueryIds, bool) {
    let mut dropped = false;
    let mut id = |name: &str| match response.get(name)?.as_text()? {
        "" => None,
        text if text.chars().count() > OBJECT_NAME_CHARS_MAX => {
            dropped = true;
            None
        }
        text => Some(UntrustedText::new(text)),
    };
    let ids = QueryIds {
        query_id: id("query_id"),
        job_id: id("job_id"),
        project_id: id("project_id"),
        location: id("location"),
    };
    (ids, dropped)
}

/// Whole milliseconds of a number of seconds; `None` where it is negative or not a time at all.
fn milliseconds(seconds: f64) -> Option<u64> {
    let ms = (seconds * 1_000.0).round();
    (0.0..=9_007_199_254_740_992.0).contains(&ms).then_some(ms as u64)
}
