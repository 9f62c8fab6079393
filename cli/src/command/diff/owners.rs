//! The owner rules, CODEOWNERS and approvals that a person names.

use std::path::{Path, PathBuf};

use clyra_delta::compare::SemanticDelta;
use clyra_delta::lineage::Graph;
use clyra_delta::owners::{self, Approval, CODE_OWNERS_BYTES_MAX, CodeOwners, OwnerRules};

use super::told::{Approvals, Phrase};
use crate::command::verify::read_limited;
use crate::setup::Refusal;

/// Largest file of owner rules, in bytes: ten thousand entries of two hundred bytes.
const RULES_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The source of accounts that are written without one.
const CODE_HOST: &str = "github";

/// `[--owners FILE] [--codeowners FILE] [--approved-by NAME,…]`
#[derive(Debug, clap::Args)]
pub(super) struct Owners {
    /// Owner rules (YAML), as in the scope's `owners`; without it groups and exposures are asked
    #[arg(long, value_name = "FILE")]
    owners: Option<PathBuf>,
    /// The CODEOWNERS file of the repository
    #[arg(long, value_name = "FILE")]
    codeowners: Option<PathBuf>,
    /// Who approved: @login, @organisation/team or source:account, separated by commas; empty when nobody did
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = approval, num_args = 0..=1)]
    approved_by: Option<Vec<Given>>,
}

/// One approval; `None` for the empty list.
type Given = Option<Approval>;

fn approval(name: &str) -> Result<Given, String> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let (source, approver) = match (name.strip_prefix('@'), name.split_once(':')) {
        (Some(handle), _) => (CODE_HOST, handle),
        (None, Some((source, account))) if !source.is_empty() && !account.is_empty() => (source, account),
        (None, Some(_)) => return Err("write @login, @organisation/team or source:account".to_owned()),
        (None, None) => (CODE_HOST, name),
    };
    Ok(Some(Approval { source: source.to_owned(), approver: approver.to_owned() }))
}

/// What was read of the files.
pub(super) struct OwnersRead {
    rules: OwnerRules,
    code_owners: Option<CodeOwners>,
    notes: Vec<Phrase>,
}

impl Owners {
    /// Whether approvals were named, be it that there are none.
    pub(super) fn names_approvals(&self) -> bool {
        self.approved_by.is_some()
    }

    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, or is not what it should be.
    pub(super) fn read(&self) -> Result<OwnersRead, Refusal> {
        let rules = self.owners.as_deref().map(rules).transpose()?.unwrap_or_default();
        let code_owners = self.codeowners.as_deref().map(code_owners).transpose()?;
        let skipped = code_owners.iter().flat_map(CodeOwners::skipped);
        let notes = skipped.map(|line| {
            let (line, problem) = (line.line, line.problem.as_str());
            Phrase::of(format!("line {line} of CODEOWNERS is not understood: {problem}"))
        });
        let notes = notes.collect();
        Ok(OwnersRead { rules, code_owners, notes })
    }

    /// Whom the change needs, and whom of them it lacks.
    pub(super) fn ask(&self, read: OwnersRead, delta: &SemanticDelta, graph: &Graph<'_>) -> Approvals {
        let required = owners::required_for(delta, graph, &read.rules, read.code_owners.as_ref());
        let missing = self.approved_by.as_ref().map(|given| {
            let given: Vec<Approval> = given.iter().flatten().cloned().collect();
            // Whoever names approvals names all of the code host, and of each other source that they name.
            let sources = given.iter().map(|approval| approval.source.clone()).chain([CODE_HOST.to_owned()]).collect();
            owners::missing(&required.approvals, &owners::Approvals { sources, given })
        });
        Approvals { required, missing, notes: read.notes }
    }
}

fn rules(path: &Path) -> Result<OwnerRules, Refusal> {
    let refusal = |why: String| Refusal {
        what: format!("the owner rules {} were not read", path.display()),
        why,
        to_do: "correct the file; docs/diff.md has one to start from",
    };
    let bytes = read_limited(path, RULES_BYTES_MAX).map_err(refusal)?;
    serde_saphyr::from_slice(&bytes).map_err(|error| refusal(error.to_string()))
}

fn code_owners(path: &Path) -> Result<CodeOwners, Refusal> {
    let refusal = |why: String| Refusal {
        what: format!("{} was not read", path.display()),
        why,
        to_do: "name the repository's CODEOWNERS file; GitHub looks for it in .github, in the root and in docs",
    };
    let bytes = read_limited(path, CODE_OWNERS_BYTES_MAX).map_err(refusal)?;
    CodeOwners::parse(&bytes).map_err(|error| refusal(error.to_string()))
}
