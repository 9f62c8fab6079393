//! What a person sees: the one place that prints. Results go to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clyra_evidence::text::visible;
use serde::Serialize;

/// Widest line of prose: what is longer is hard to read.
const COLUMNS_MAX: usize = 100;

/// Narrowest line that is still broken between words; a narrower terminal breaks it itself.
const COLUMNS_MIN: usize = 40;

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

/// Prints sentences; what is wider than a narrow terminal goes on in further lines, a little further in.
pub fn prose(text: impl Display) {
    for of in text.to_string().lines() {
        let indent = of.chars().take_while(|c| *c == ' ').count();
        line(wrap(of, indent + 2));
    }
}

/// Breaks a line between words, so that none of its lines is wider than 100 columns unless one word is; those after
/// the first are indented by `hang`.
#[must_use]
pub fn wrap(line: &str, hang: usize) -> String {
    wrap_to(COLUMNS_MAX, line, hang)
}

fn wrap_to(columns: usize, line: &str, hang: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for (at, word) in line.split(' ').enumerate() {
        let width = word.chars().count();
        if at > 0 && !word.is_empty() && column > hang && column + 1 + width > columns {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
            column = hang;
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

/// How a result is drawn: for the terminal that it goes to, or the same everywhere where it goes elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of a line.
    pub columns: usize,
    /// Whether it has colours.
    pub colours: bool,
}

impl Look {
    /// The look of standard output.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self { columns: COLUMNS_MAX, colours: false };
        }
        let columns = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| usize::from(size.ws_col));
        Self {
            columns: if columns == 0 { COLUMNS_MAX } else { columns.clamp(COLUMNS_MIN, COLUMNS_MAX) },
            colours: true,
        }
    }

    /// Breaks a line between words; its further lines are indented by `hang`.
    #[must_use]
    pub fn wrap(&self, line: &str, hang: usize) -> String {
        wrap_to(self.columns, line, hang)
    }

    /// Styles text where there are colours.
    #[must_use]
    pub fn styled(&self, text: impl Display, style: Style) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// Writes a document to standard output byte for byte; to a terminal, with the end of its last line.
///
/// # Errors
/// When it cannot be written, so that no half of it is taken for the whole. A reader who has seen enough is no error.
pub fn document(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut written = out.write_all(bytes);
    if std::io::stdout().is_terminal() && !bytes.ends_with(b"\n") {
        written = written.and_then(|()| out.write_all(b"\n"));
    }
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
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
    let [happened, why, do_what] = [harmless(happened), harmless(why), harmless(do_what)];
    let _ = writeln!(err, "{bold}error:{reset} {}", wrap(&happened, 7));
    let _ = writeln!(err, "{}", wrap(&format!("  why: {why}"), 7));
    let _ = writeln!(err, "{}", wrap(&format!("   do: {do_what}"), 7));
}

fn harmless(text: impl Display) -> String {
    text.to_string().split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Styles text when standard output is a terminal.
#[must_use]
pub fn styled(text: impl Display, style: Style) -> String {
    if std::io::stdout().is_terminal() { format!("{style}{text}{style:#}") } else { text.to_string() }
}

/// `1 thing` or `n things`.
#[must_use]
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The beginning of an id, long enough to find it by.
#[must_use]
pub fn short(id: &str) -> String {
    id.get(..12).unwrap_or(id).to_owned()
}

/// A duration as people say it.
#[must_use]
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
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
    fn lines_are_broken_between_words_only() {
        let word = "x".repeat(30);
        let of = |n: usize| vec![word.as_str(); n].join(" ");
        assert_eq!(wrap(&format!("  {}", of(3)), 4), format!("  {}", of(3)));
        assert_eq!(wrap(&format!("  {}", of(4)), 4), format!("  {}\n    {word}", of(3)));
        let long = "y".repeat(200);
        assert_eq!(wrap(&format!("abc {long} b"), 2), format!("abc\n  {long}\n  b"), "a word is never broken");
        assert_eq!(wrap("a   b", 2), "a   b", "columns stay");
        assert_eq!(wrap(&long, 2), long);
    }

    #[test]
    fn no_escape_sequence_survives_in_a_problem() {
        assert_eq!(harmless("a\n b\u{1b}]8;;x\u{7}\r\u{202e}"), "a\n b⟨U+001B⟩]8;;x⟨U+0007⟩⟨U+000D⟩⟨U+202E⟩");
    }
}
