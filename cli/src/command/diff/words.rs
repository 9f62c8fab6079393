//! The closed words of the document as a reader sees them.

use clyra_delta::artifact::metadata::EngineKind;
use clyra_delta::compare::{DeltaClass, HeaderFlag, PackageChange, Reason};

/// The classes of nodes, the most severe first.
pub(super) const CLASSES: [DeltaClass; 2] = [DeltaClass::Behavioural, DeltaClass::Documentation];

/// A class for readers.
pub(super) struct ClassWords {
    /// The word.
    pub(super) word: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
}

impl ClassWords {
    /// The word as a heading begins.
    pub(super) fn title(&self) -> String {
        let (first, rest) = self.word.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }
}

pub(super) const fn class(class: DeltaClass) -> ClassWords {
    let (word, meaning) = match class {
        DeltaClass::Behavioural => ("behavioural", "results can differ"),
        DeltaClass::Documentation => ("documentation", "descriptions, docs, meta or tags only"),
        DeltaClass::None => ("none", "nothing changed"),
        DeltaClass::Unknown => ("unknown", "not compared"),
    };
    ClassWords { word, meaning }
}

/// A reason, as the part of a node that differs.
pub(super) fn reason(reason: Reason) -> String {
    let code = serde_json::to_value(reason).ok();
    let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or("other");
    spaced(code)
}

/// `dependsOn` as `depends on`.
fn spaced(code: &str) -> String {
    let mut out = String::new();
    for c in code.chars() {
        if c.is_ascii_uppercase() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// A flag as a sentence; `None` where the answer says it otherwise.
pub(super) const fn flag(flag: HeaderFlag) -> Option<&'static str> {
    Some(match flag {
        HeaderFlag::DbtVersionChanged => return None,
        HeaderFlag::EngineChanged => {
            "The adapter, or the macros that come with dbt, differ: an unchanged project can behave differently."
        }
        HeaderFlag::SeedContentNotHashed => {
            "Some seeds are above dbt's limit of 1 MiB: their content is not in the manifest, so a change of it is not seen."
        }
        HeaderFlag::SourceTextMissing => {
            "Some nodes carry no source text: dbt's own checksums were compared, whose rule varies between versions."
        }
        HeaderFlag::ProjectUnnamed => {
            "A manifest does not name its project: installed packages are not told apart from it."
        }
    })
}

/// Whether a flag says that something differs, rather than what could not be seen.
pub(super) const fn is_change(flag: HeaderFlag) -> bool {
    matches!(flag, HeaderFlag::DbtVersionChanged | HeaderFlag::EngineChanged)
}

pub(super) const fn package(change: PackageChange) -> &'static str {
    match change {
        PackageChange::Added => "added",
        PackageChange::Removed => "removed",
        PackageChange::Changed => "another version or content",
    }
}

pub(super) const fn engine(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Core => "dbt Core",
        EngineKind::Fusion => "dbt Fusion",
    }
}
