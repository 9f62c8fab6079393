//! What a person can ask for: one file each.

pub mod attest;
pub mod badge;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod redrive;
pub mod serve;
pub mod status;
pub mod trust;
pub mod verify;
