//! Why a process cannot run.

use std::any::type_name;
use std::error::Error;
use std::fmt;

/// Why a process cannot run: what happened, and a stable name for alarms. Made by `?` from any error, whose text must
/// hold no secret. It is no [`Error`] itself, because nobody is left to handle it.
#[derive(Clone, PartialEq, Eq)]
pub struct Fatal {
    kind: &'static str,
    message: String,
}

impl Fatal {
    /// The name of the error that it was made from, without its path and parameters, such as `VarsError`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Logs it, once. Logging may be what failed, so standard error gets a line of its own then.
    pub(crate) fn report(&self) {
        if tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(error.kind = self.kind, error.message = self.message, "the function cannot run");
        } else {
            #[expect(clippy::print_stderr, reason = "there is no log to write to")]
            {
                eprintln!("the function cannot run: {self:?}");
            }
        }
    }
}

impl<E: Error> From<E> for Fatal {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Self { kind: short(type_name::<E>()), message }
    }
}

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// `a::b::Error<c::D>` is `Error`.
fn short(name: &'static str) -> &'static str {
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use clyra_service::vars::{MapVars, Name, VarReader};

    use super::*;

    #[test]
    fn every_mistake_is_in_one_line_under_a_stable_name() {
        let vars = MapVars::default();
        let mut read = VarReader::new(&vars);
        let (_, _) = (read.required::<Name>("A"), read.required::<Name>("B"));
        let fatal = Fatal::from(read.finish(|| Some(())).unwrap_err());
        assert_eq!(fatal.kind(), "VarsError");
        let printed = format!("{fatal:?}");
        assert_eq!(printed, "VarsError: the configuration cannot be used: A is not set; B is not set");
    }
}
