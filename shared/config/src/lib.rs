#![doc = include_str!("../README.md")]

mod config;
#[cfg(feature = "files")]
mod files;

pub use self::config::{
    BadgePolicy, Config, ConfigErrors, Connection, LinkPolicy, Target, TargetApi, TargetAuth, TargetKind, TicketPolicy,
};
