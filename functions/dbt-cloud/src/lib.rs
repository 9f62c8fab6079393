#![doc = include_str!("../README.md")]

pub mod config;
mod facts;
mod handler;
mod identity;
mod signature;
mod source;

pub use self::handler::{DbtCloud, Deps, PATH, StartError, StartMistake};
