#![doc = include_str!("../README.md")]

mod in_force;
mod link;
#[cfg(feature = "sources")]
mod sources;

pub use self::in_force::{InForce, InForceError, ScopeInForce, in_force, newest_trust, of_base};
pub use self::link::{LinkKeyError, link_key};
#[cfg(feature = "sources")]
pub use self::sources::{AttachError, Attached, outbound, sources};
