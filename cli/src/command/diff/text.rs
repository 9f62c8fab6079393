//! The answer in a terminal.

use anstyle::Style;
use clyra_delta::compare::DeltaClass;

use super::told::{Approvers, Downstream, Group, Outcome, Phrase, Piece, Reached, Row, Told};
use super::words;
use crate::output::{BAD, BOLD, DIM, GOOD, Look, OPEN, count};

/// Most nodes of one class of which nothing but a macro changed that are told one by one. One edit of a macro can reach
/// thousands; all of them stand in the JSON.
const THROUGH_MACROS_MAX: usize = 20;

/// Most nodes of one kind that are told as being downstream.
const DOWNSTREAM_MAX: usize = 20;

/// Columns before the words of a node.
const INDENT: usize = 4;

/// Draws the answer.
pub(super) fn draw(told: &Told, look: Look) -> String {
    let mut out = Drawing { look, text: String::new() };
    out.head(told);
    for group in &told.groups {
        out.group(group);
    }
    if let Some(downstream) = &told.downstream {
        out.downstream(downstream);
    }
    if let Some(approvers) = &told.approvers {
        out.approvers(approvers);
    }
    out.text
}

struct Drawing {
    look: Look,
    text: String,
}

impl Drawing {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A sentence over as many lines as it takes, each styled by itself.
    fn prose(&mut self, line: &str, hang: usize, style: Style) {
        let wrapped = self.look.wrap(line, hang);
        for line in wrapped.lines() {
            let line = if style == Style::new() { line.to_owned() } else { self.look.styled(line, style) };
            self.line(&line);
        }
    }

    fn head(&mut self, told: &Told) {
        let project = told.project.as_ref().map(|project| format!("{}: ", project.for_terminal())).unwrap_or_default();
        self.prose(&format!("{project}{}", told.headline), 2, BOLD);
        if told.figures.len() > 1 {
            let figures: Vec<String> = told.figures.iter().map(|(n, word)| format!("{n} {word}")).collect();
            self.prose(&figures.join(" · "), 2, Style::new());
        }
        for (word, state) in &told.states {
            let line = format!("{word:>4} {}, manifest {}…", plain(&state.written), &state.digest[..12]);
            self.prose(&line, 5, DIM);
        }
        for note in &told.notes {
            self.prose(&format!("note: {}", plain(note)), 6, OPEN);
        }
    }

    fn group(&mut self, group: &Group) {
        self.title(&format!("{} ({})", group.class.as_str(), group.rows.len()), words::meaning(group.class));
        let mut through_macros = 0;
        for row in &group.rows {
            through_macros += usize::from(row.only_through_macros);
            if !row.only_through_macros || through_macros <= THROUGH_MACROS_MAX {
                self.row(row);
            }
        }
        if through_macros > THROUGH_MACROS_MAX {
            let more = through_macros - THROUGH_MACROS_MAX;
            self.prose(
                &format!("  and {more} more of which only a macro changed; --json lists all of them"),
                INDENT,
                DIM,
            );
        }
    }

    fn title(&mut self, title: &str, sentence: &str) {
        let title = title.to_uppercase();
        let wrapped = self.look.wrap(&format!("{title}: {sentence}"), 2);
        // Styled only now: escapes have no width.
        let rest = wrapped.strip_prefix(&title).unwrap_or_default();
        self.line("");
        self.line(&format!("{}{rest}", self.look.styled(&title, BOLD)));
    }

    fn downstream(&mut self, downstream: &Downstream) {
        self.title("downstream", &downstream.sentence);
        for kind in &downstream.kinds {
            self.line(&format!("  {}", kind.counted));
            for Reached { name, depth, from } in kind.nodes.iter().take(DOWNSTREAM_MAX) {
                let steps = count(u64::from(*depth), "step", "steps");
                let line = format!("    {}, {steps} from {}", name.for_terminal(), from.for_terminal());
                self.prose(&line, INDENT, Style::new());
            }
            if kind.count > DOWNSTREAM_MAX as u64 {
                self.prose(&format!("    and {} more", kind.count - DOWNSTREAM_MAX as u64), INDENT, DIM);
            }
        }
        for note in &downstream.notes {
            self.prose(&format!("note: {}", plain(note)), 6, OPEN);
        }
    }

    fn approvers(&mut self, approvers: &Approvers) {
        self.title("approvals", &approvers.sentence);
        for approver in &approvers.rows {
            let name = approver.name.for_terminal();
            match approver.outcome {
                None => self.prose(&format!("  {name}"), INDENT, Style::new()),
                Some(outcome) => self.prose(&format!("  {name}: {}", outcome.as_str()), INDENT, of_outcome(outcome)),
            }
            if let Some(by) = approver.by() {
                self.prose(&format!("    by {}", plain(&by)), INDENT, Style::new());
            }
            self.prose(&format!("    for {}", plain(&approver.because)), INDENT, Style::new());
        }
        for note in &approvers.notes {
            self.prose(&format!("note: {}", plain(note)), 6, OPEN);
        }
    }

    fn row(&mut self, row: &Row) {
        let what = format!("{}: {}", row.id.for_terminal(), row.what);
        let wrapped = self.look.wrap(&format!("    {what}"), INDENT);
        let sign = self.look.styled(row.sign, style(row.class));
        self.line(&format!("  {sign} {}", wrapped.trim_start()));
        for detail in &row.details {
            self.prose(&format!("    {}", plain(detail)), INDENT, Style::new());
        }
        if !row.why.is_empty() {
            self.prose(&format!("    {}", row.why), INDENT, Style::new());
        }
        if !row.dbt.is_empty() {
            self.prose(&format!("    dbt: {}", row.dbt.join(", ")), INDENT + 5, DIM);
        }
    }
}

fn style(class: DeltaClass) -> Style {
    match class {
        DeltaClass::Breaking => BAD,
        DeltaClass::Behavioural => OPEN,
        DeltaClass::Structural | DeltaClass::Governance => BOLD,
        DeltaClass::Documentation | DeltaClass::Cosmetic | DeltaClass::None | DeltaClass::Unknown => DIM,
    }
}

const fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Approved => GOOD,
        Outcome::Missing => BAD,
        Outcome::NotKnown => OPEN,
    }
}

/// For a terminal: no escape sequence of a name survives.
fn plain(phrase: &Phrase) -> String {
    let plain = phrase.pieces().iter().map(|piece| match piece {
        Piece::Words(words) => words.clone(),
        Piece::Name(name) => name.for_terminal(),
    });
    plain.collect()
}
