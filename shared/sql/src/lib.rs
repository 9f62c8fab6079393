#![doc = include_str!("../README.md")]

mod destructive;
mod dialect;
mod fingerprint;
mod keyword;
mod lexer;
mod template;
mod unread;

pub use destructive::{Destructive, DestructiveCode, ObjectKind, destructive};
pub use dialect::Dialect;
pub use fingerprint::{FINGERPRINT_LABEL, fingerprint};
pub use template::{TEMPLATE_FINGERPRINT_LABEL, template_fingerprint};
pub use unread::Unread;

/// The longest text that is read. A compiled model has a few kilobytes; the longest seen in the wild, generated ones,
/// have some hundred.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
