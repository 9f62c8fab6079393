//! For how long evidence must be kept: a file that is only appended to, one line per decision, each with its time.
//!
//! Nothing in this crate removes evidence, before or after that time. The record says what the deployment has promised,
//! and refuses a shorter promise.

use std::io;
use std::path::Path;

use clyra_evidence::time::Timestamp;

use crate::disk::Disk;

/// What a new folder promises when nobody says otherwise, in days: seven years, the longest span that auditors of
/// financial statements must keep their papers (17 CFR 210.2-06).
pub const RETENTION_DAYS_DEFAULT: u32 = 2_555;

/// Largest record that is read, in bytes: some thousand decisions.
const FILE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) enum RetentionError {
    /// The record promises more days than were asked for.
    Shorter {
        recorded: u32,
    },
    Unreadable,
    Io(io::Error),
}

/// The days in force after `asked` was recorded.
pub(crate) fn record(disk: &dyn Disk, path: &Path, asked: Option<u32>, now: Timestamp) -> Result<u32, RetentionError> {
    let recorded = match disk.len(path).map_err(RetentionError::Io)? {
        None => None,
        Some(_) => last_of(&disk.read(path, 0, FILE_BYTES_MAX).map_err(RetentionError::Io)?)?,
    };
    let days = asked.or(recorded).unwrap_or(RETENTION_DAYS_DEFAULT);
    match recorded {
        Some(recorded) if days < recorded => Err(RetentionError::Shorter { recorded }),
        Some(recorded) if days == recorded => Ok(days),
        _ => {
            append(disk, path, format!("{now} {days}\n").as_bytes()).map_err(RetentionError::Io)?;
            Ok(days)
        }
    }
}

/// The last whole line's days. A line without its end is one whose writing was cut short: it never took effect.
fn last_of(bytes: &[u8]) -> Result<Option<u32>, RetentionError> {
    let text = str::from_utf8(bytes).map_err(|_| RetentionError::Unreadable)?;
    let Some((whole, _)) = text.rsplit_once('\n') else { return Ok(None) };
    let days = |line: &str| {
        let (time, days) = line.split_once(' ')?;
        time.parse::<Timestamp>().ok()?;
        days.parse().ok()
    };
    let last = whole.lines().next_back().unwrap_or_default();
    days(last).map(Some).ok_or(RetentionError::Unreadable)
}

fn append(disk: &dyn Disk, path: &Path, line: &[u8]) -> io::Result<()> {
    let whole = match disk.len(path)? {
        None => 0,
        Some(_) => {
            let bytes = disk.read(path, 0, FILE_BYTES_MAX)?;
            bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1)
        }
    };
    let mut file = disk.append_to(path)?;
    file.truncate(whole)?;
    file.append(line)?;
    file.sync()?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::OsDisk;

    #[test]
    fn retention_only_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("retention");
        let ask = |asked| record(&OsDisk, &path, asked, Timestamp::EPOCH);
        assert!(matches!(ask(None), Ok(RETENTION_DAYS_DEFAULT)));
        assert!(matches!(ask(Some(100)), Err(RetentionError::Shorter { recorded: RETENTION_DAYS_DEFAULT })));
        assert!(matches!(ask(Some(3_650)), Ok(3_650)));
        assert!(matches!(ask(None), Ok(3_650)));
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "1970-01-01T00:00:00.000Z 2555\n1970-01-01T00:00:00.000Z 3650\n"
        );
        std::fs::write(&path, "1970-01-01T00:00:00.000Z 10\n1970-01-01T00:0").unwrap();
        assert!(matches!(ask(Some(20)), Ok(20)), "a line that was cut short never took effect");
        assert!(matches!(ask(None), Ok(20)));
        std::fs::write(&path, "for ever\n").unwrap();
        assert!(matches!(ask(None), Err(RetentionError::Unreadable)));
    }
}
