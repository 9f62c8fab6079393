//! The crate from outside: manifests in, documents out.

#[cfg(test)]
mod beyond;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod project;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod states;
#[cfg(test)]
mod tested;
#[cfg(test)]
mod vector;
