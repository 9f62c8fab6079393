#![doc = include_str!("../README.md")]

mod declare;
mod in_force;
mod link;
#[cfg(feature = "sources")]
mod sources;
mod trust;
#[cfg(feature = "warehouses")]
mod warehouses;

pub use self::declare::{DeclareError, Registrar};
pub use self::in_force::{InForce, InForceError, in_force};
pub use self::link::{LinkKeyError, link_key};
#[cfg(feature = "sources")]
pub use self::sources::{AttachError, Attached, outbound, sources};
pub use self::trust::{Trust, newest_trust};
#[cfg(feature = "warehouses")]
pub use self::warehouses::{warehouse, warehouses};
