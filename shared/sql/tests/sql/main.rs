//! What the crate says of SQL texts, as tables of cases.

#[cfg(test)]
mod destructive;
#[cfg(test)]
mod fingerprint;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod shape;
mod template;
