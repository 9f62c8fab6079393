//! Text as it may stand on a page.

use std::fmt;

use clyra_evidence::text::{UntrustedText, visible};
use serde::Serialize;

/// Text in which every control, bidirectional and invisible character stands as its code.
///
/// There is no other way to make one, so no name from outside can reorder a line, break out of one, or hide in another.
/// A renderer still escapes it for its medium: for HTML by its [`maud::Render`], in a PDF and in JSON by the encoder.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Shown(String);

impl Shown {
    /// Shows `text`, wherever it came from.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(visible(text.as_ref()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&UntrustedText> for Shown {
    fn from(text: &UntrustedText) -> Self {
        Self(text.for_plain())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl maud::Render for Shown {
    fn render_to(&self, buffer: &mut String) {
        self.0.as_str().render_to(buffer);
    }
}

/// A fact's value for readers.
pub(crate) fn value(value: &clyra_evidence::fact::FactValue, omitted: Option<u32>) -> Shown {
    use clyra_evidence::fact::FactValue;
    let text = match value {
        FactValue::Null => "none".to_owned(),
        FactValue::Bool(true) => "yes".to_owned(),
        FactValue::Bool(false) => "no".to_owned(),
        FactValue::Int(number) => number.to_string(),
        FactValue::Text(text) => text.clone(),
        FactValue::List(list) if list.is_empty() => "none".to_owned(),
        FactValue::List(list) => list.join(", "),
    };
    Shown::new(match omitted {
        Some(more) => format!("{text} and {more} more"),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_gets_through_and_showing_twice_changes_nothing() {
        let shown = Shown::new("a\u{202e}b\u{1b}[2Jc\nd");
        assert_eq!(shown.as_str(), "a⟨U+202E⟩b⟨U+001B⟩[2Jc⟨U+000A⟩d");
        assert_eq!(Shown::new(shown.as_str()), shown);
    }
}
