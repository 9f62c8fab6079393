//! What the crate says of SQL texts, as tables of cases.

mod destructive;
mod fingerprint;
mod mutation;
mod template;
