use serde::{Deserialize, Serialize};

/// Why a text was not read. Never to be taken as "the same", "no columns" or "nothing destructive".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// Longer than [`crate::MAX_TEXT_BYTES`].
    #[error("the SQL text is longer than 1 MiB")]
    TooLong,
    /// Nested or chained deeper than is read.
    #[error("the SQL text is nested too deeply")]
    TooDeep,
    /// A string, a quoted name or a comment without its end.
    #[error("a string, quoted name or comment has no end")]
    Unterminated,
    /// Where a string or a comment ends depends on a setting of the warehouse, or its documentation does not say.
    #[error("where a string or comment ends cannot be told from the text")]
    Ambiguous,
    /// A template of Jinja or of the warehouse: what it becomes cannot be told from the text.
    #[error("the SQL text holds a template")]
    Template,
    /// A command whose operand is not made of SQL tokens, such as `SET` of Spark or the data after `COPY … FROM STDIN`.
    #[error("a command with an operand that is not SQL")]
    Command,
    /// The text runs other text: `EXECUTE IMMEDIATE`, `CALL`, `DO`.
    #[error("the SQL text runs a text or procedure that it does not show")]
    Dynamic,
    /// Procedural code: `BEGIN … END`, `IF`, loops.
    #[error("the SQL text is procedural code")]
    Script,
    /// Not understood by the parser.
    #[error("the SQL text is not understood")]
    Syntax,
    /// Understood, and not one single query.
    #[error("the SQL text is not a query")]
    NotAQuery,
}

impl Unread {
    /// The stable code, as it is serialised.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
            Self::Unterminated => "unterminated",
            Self::Ambiguous => "ambiguous",
            Self::Template => "template",
            Self::Command => "command",
            Self::Dynamic => "dynamic",
            Self::Script => "script",
            Self::Syntax => "syntax",
            Self::NotAQuery => "not_a_query",
        }
    }
}
