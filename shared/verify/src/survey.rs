//! The same steps over many signed documents, told as one outcome per step.

use crate::check::{CheckId, Group, Stage};
use crate::code::Code;
use crate::envelope::StageFailure;
use crate::examination::{Examination, Failure};

/// What came of opening the documents of a group.
#[derive(Debug)]
pub(crate) struct Survey {
    group: Group,
    examined: usize,
    failures: Vec<(Stage, Failure)>,
}

impl Survey {
    pub(crate) const fn of(group: Group) -> Self {
        Self { group, examined: 0, failures: Vec::new() }
    }

    /// Counts one document; gives what came out of it when every step passed.
    pub(crate) fn add<T>(&mut self, subject: &str, opened: Result<T, StageFailure>) -> Option<T> {
        self.examined += 1;
        match opened {
            Ok(value) => Some(value),
            Err((stage, failure)) => {
                self.failures.push((stage, failure.at(subject)));
                None
            }
        }
    }

    /// Records one outcome per step; whether all documents passed all of them.
    pub(crate) fn record(self, exam: &mut Examination) -> bool {
        for stage in Stage::ALL {
            let id = CheckId::Signed(self.group, stage);
            let at = |at: Stage| self.failures.iter().filter(move |(failed, _)| *failed == at);
            if self.examined == 0 {
                exam.not_applicable(id, Code::Absent, "There is none.");
            } else if let Some((_, first)) = at(stage).next() {
                let mut failure = first.clone();
                let more = at(stage).count() - 1;
                if more > 0 {
                    failure.why = format!("{} The same step failed for {more} more.", failure.why);
                }
                exam.fail(id, failure);
            } else if let Some((earlier, first)) = self.failures.iter().find(|(failed, _)| *failed < stage) {
                let cause = CheckId::Signed(self.group, *earlier);
                let why = format!("Not examined for every document, because {cause} failed.");
                exam.fail(id, Failure { code: Code::NotExamined, why, subject: first.subject.clone() });
            } else {
                exam.pass(id, format!("Checked for {}.", self.examined));
            }
        }
        self.failures.is_empty()
    }
}
