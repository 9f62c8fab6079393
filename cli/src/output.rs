//! What a person sees: the one place that prints. Results go to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clyra_evidence::text::visible;
use serde::Serialize;

/// How a command's result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document, or one per line while a command runs on.
    Json,
}

/// The command's outcome, as its exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: it was done, or the answer is yes.
    Ok,
    /// 1: the answer is no.
    No,
    /// 2: the command could not be carried out.
    Failed,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::No => 1,
            Self::Failed => 2,
        }
    }
}

/// Prints a line of the result.
pub fn line(text: impl Display) {
    // A closed pipe (`clyra status | head`) is not an error worth a panic.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a document of the result.
pub fn json(document: &impl Serialize) {
    if let Ok(text) = serde_json::to_string_pretty(document) {
        line(text);
    }
}

/// Prints a document on one line.
pub fn json_line(document: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(document) {
        line(text);
    }
}

/// Tells what went wrong: what happened, why, and what to do. What others wrote may stand in it: no escape sequence
/// survives, and only the ends of lines are kept.
pub fn problem(happened: impl Display, why: impl Display, do_what: impl Display) {
    let mut err = std::io::stderr().lock();
    let (bold, reset) = if std::io::stderr().is_terminal() {
        (format!("{}", Style::new().bold().fg_color(Some(AnsiColor::Red.into()))), format!("{}", anstyle::Reset))
    } else {
        (String::new(), String::new())
    };
    let _ = writeln!(err, "{bold}error:{reset} {}", harmless(happened));
    let _ = writeln!(err, "  why: {}", harmless(why));
    let _ = writeln!(err, "   do: {}", harmless(do_what));
}

fn harmless(text: impl Display) -> String {
    text.to_string().split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Styles text when standard output is a terminal.
#[must_use]
pub fn styled(text: impl Display, style: Style) -> String {
    if std::io::stdout().is_terminal() { format!("{style}{text}{style:#}") } else { text.to_string() }
}

/// Emphasis.
pub const BOLD: Style = Style::new().bold();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// No exception.
pub const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
/// An exception.
pub const BAD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
/// Not tested, waiting.
pub const OPEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_survives_in_a_problem() {
        assert_eq!(harmless("a\n b\u{1b}]8;;x\u{7}\r\u{202e}"), "a\n b⟨U+001B⟩]8;;x⟨U+0007⟩⟨U+000D⟩⟨U+202E⟩");
    }
}
