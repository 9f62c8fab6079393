//! Whose a file is. The mode of a file of somebody else says nothing: its owner reads it, changes it, and changes its mode.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// The file belongs to another user than the one this process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it belongs to the user {owner} and this process runs as {ours}: run it as {owner}, or chown it to {ours}")]
pub struct ForeignOwner {
    /// The owner's user id.
    pub owner: u32,
    /// The effective user id of this process.
    pub ours: u32,
}

/// Whether a file belongs to the user this process runs as.
pub(crate) fn is_ours(file: &Metadata) -> Result<(), ForeignOwner> {
    belongs_to(file, rustix::process::geteuid().as_raw())
}

fn belongs_to(file: &Metadata, ours: u32) -> Result<(), ForeignOwner> {
    if file.uid() == ours { Ok(()) } else { Err(ForeignOwner { owner: file.uid(), ours }) }
}

/// To be given to `open`: a link in place of the file is refused.
pub(crate) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_somebody_else_is_told() {
        let file = tempfile::tempfile().unwrap().metadata().unwrap();
        assert_eq!(is_ours(&file), Ok(()));
        let foreign = belongs_to(&file, file.uid() + 1).unwrap_err();
        assert_eq!((foreign.owner, foreign.ours), (file.uid(), file.uid() + 1));
        assert!(foreign.to_string().contains("chown"));
    }
}
