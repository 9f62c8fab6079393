//! What a person sees: the one place that prints. Results go to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
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

/// Tells what went wrong: what happened, why, and what to do.
pub fn problem(happened: impl Display, why: impl Display, do_what: impl Display) {
    let mut err = std::io::stderr().lock();
    let (bold, reset) = if std::io::stderr().is_terminal() {
        (format!("{}", Style::new().bold().fg_color(Some(AnsiColor::Red.into()))), format!("{}", anstyle::Reset))
    } else {
        (String::new(), String::new())
    };
    let _ = writeln!(err, "{bold}error:{reset} {happened}");
    let _ = writeln!(err, "  why: {why}");
    let _ = writeln!(err, "   do: {do_what}");
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
