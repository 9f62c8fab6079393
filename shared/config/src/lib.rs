#![doc = include_str!("../README.md")]

mod config;
#[cfg(feature = "files")]
mod files;
mod warehouse;

pub use self::config::{
    BadgePolicy, Config, ConfigErrors, Connection, LinkPolicy, Target, TargetApi, TargetAuth, TargetKind, TicketPolicy,
};
pub use self::warehouse::{Warehouse, WarehouseSystem};
