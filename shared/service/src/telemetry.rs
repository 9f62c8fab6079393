//! Logs: one JSON object per line on stderr, or plain lines when a person looks on.
//!
//! Logs are an interface. A message reads alone; fields are dotted and shared by all processes (`source.name`,
//! `connection.name`, `receipt.id`, `outcome`, `duration_ms`, `error.code`); a failure is logged once, where it is
//! handled. Bodies, secrets and personal names are never logged, foreign text only through its terminal escaper.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::vars::{VarReader, Vars, VarsError};

/// The variable that says what is logged, in the syntax of `tracing_subscriber::EnvFilter`; `info` by default.
pub const LOG_KEY: &str = "CLYRA_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line, for machines.
    Json,
    /// Plain lines, for a terminal.
    Human,
}

/// Starts logging to stderr: plain on a terminal, JSON otherwise. A second call in one process changes nothing.
///
/// # Errors
/// When `CLYRA_LOG` is not a filter.
pub fn init(vars: &dyn Vars) -> Result<(), VarsError> {
    let filter = filter(vars)?;
    let format = if std::io::stderr().is_terminal() { Format::Human } else { Format::Json };
    let _already = subscriber(filter, format, std::io::stderr).try_init();
    Ok(())
}

fn filter(vars: &dyn Vars) -> Result<EnvFilter, VarsError> {
    let mut read = VarReader::new(vars);
    let filter = read.or(LOG_KEY, EnvFilter::new("info"));
    read.finish(|| filter)
}

fn subscriber<W>(filter: EnvFilter, format: Format, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Json => {
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
            Box::new(registry.with(lines.with_writer(writer)))
        }
        Format::Human => {
            let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
            Box::new(registry.with(lines.with_writer(writer)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::vars::MapVars;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(filter(&MapVars::default()).unwrap(), format, move || writer.clone());
        tracing::subscriber::with_default(subscriber, act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn machines_get_json_with_dotted_fields_and_people_get_lines() {
        let act = || {
            tracing::info_span!("delivery", source.name = "dbt_cloud")
                .in_scope(|| tracing::info!(receipt.id = "ab12", duration_ms = 3_u64, "delivery recorded"));
            tracing::debug!("not asked for");
        };
        let json = logged(Format::Json, act);
        let line: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
        assert_eq!(line["message"], "delivery recorded");
        assert_eq!(line["receipt.id"], "ab12");
        assert_eq!(line["duration_ms"], 3);
        assert_eq!(line["spans"][0]["source.name"], "dbt_cloud");
        let human = logged(Format::Human, act);
        assert_eq!(human.lines().count(), 1, "{human}");
        assert!(human.contains("delivery recorded") && human.contains("receipt.id=\"ab12\""), "{human}");
    }

    #[test]
    fn a_wrong_filter_is_a_mistake() {
        let error = filter(&MapVars::default().with(LOG_KEY, "clyra=loudest")).unwrap_err();
        assert_eq!(error.mistakes().len(), 1);
    }
}
