//! The crate from outside: manifests in, documents out.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod project;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod states;
#[cfg(test)]
mod vector;
