#![doc = include_str!("../README.md")]

pub mod address;
pub mod answer;
pub mod cool_down;
pub mod credential;
pub mod error;
pub mod limits;
pub mod origin;
pub mod outbound;
pub mod path;
mod read_api;
pub mod read_only;
pub mod rsa_key;
pub mod statement;
pub mod token;
mod transport;
pub mod writing;

pub use self::answer::Answer;
pub use self::credential::Credential;
pub use self::error::{BuildError, OutboundError, Retry, Sent, WriteError};
pub use self::limits::Limits;
pub use self::origin::{Origin, PrivateAddresses};
pub use self::outbound::{Jitter, Outbound};
pub use self::path::RequestPath;
pub use self::read_only::ReadOnly;
pub use self::rsa_key::RsaKey;
pub use self::statement::{Statement, Statements};
pub use self::writing::Writing;
