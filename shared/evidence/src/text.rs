//! Text that came from outside. It is data, and hostile until a medium's escaper has printed it.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Longest name of a foreign object that evidence keeps, in characters; longer ones are cut and marked with `…`.
pub const OBJECT_NAME_CHARS_MAX: usize = 200;

/// Foreign text: the name of a job, a model, a person.
///
/// It has no `Display`: each medium has its own escaper, and all of them first make control, bidirectional and invisible
/// characters visible as codes, so that no name can reorder a line, move a cursor or hide in another. HTML is escaped by
/// the templates of the crate that draws it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct UntrustedText(String);

impl UntrustedText {
    /// Takes text from outside, cut to [`OBJECT_NAME_CHARS_MAX`] characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match text.char_indices().nth(OBJECT_NAME_CHARS_MAX) {
            None => Self(text.to_owned()),
            Some(_) => Self(text.chars().take(OBJECT_NAME_CHARS_MAX - 1).chain(['…']).collect()),
        }
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as it came, for comparing and for documents whose encoder escapes (JSON). Never print it.
    #[must_use]
    pub fn as_untrusted(&self) -> &str {
        &self.0
    }

    /// For a plain-text medium without markup: a PDF, a ServiceNow field, a mail. One line, codes for what is unseen.
    #[must_use]
    pub fn for_plain(&self) -> String {
        visible(&self.0)
    }

    /// For a terminal or a log line: no escape sequence can survive.
    #[must_use]
    pub fn for_terminal(&self) -> String {
        visible(&self.0)
    }
}

impl From<String> for UntrustedText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&str> for UntrustedText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<UntrustedText> for String {
    fn from(text: UntrustedText) -> Self {
        text.0
    }
}

impl fmt::Debug for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", visible(&self.0))
    }
}

/// The text with every character that a reader cannot see, or that changes how others are shown, written as `⟨U+202E⟩`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_deceptive(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Controls, bidirectional controls (UAX #9), invisible format characters, and characters without a meaning.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' | '\u{E000}'..='\u{F8FF}'
            | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_medium_disarms_hostile_names() {
        let bidi = UntrustedText::new("fct\u{202e}sql\u{1b}[31m\n");
        assert_eq!(bidi.for_terminal(), "fct⟨U+202E⟩sql⟨U+001B⟩[31m⟨U+000A⟩");
        assert_eq!(bidi.for_plain(), bidi.for_terminal());
    }

    #[test]
    fn long_names_are_cut_and_say_so() {
        let name = UntrustedText::new(&"é".repeat(300));
        assert_eq!(name.as_untrusted().chars().count(), OBJECT_NAME_CHARS_MAX);
        assert!(name.as_untrusted().ends_with('…'));
    }
}
