#![doc = include_str!("../README.md")]

mod config;
#[cfg(feature = "files")]
mod files;

pub use self::config::{
    BadgePolicy, Config, ConfigErrors, Connection, LISTEN_DEFAULT, LinkPolicy, Target, TargetApi, TargetAuth,
    TargetKind, TicketPolicy,
};
