//! The house's own rules, held by a test. Every message says what to do instead.

#[cfg(test)]
mod edges;
#[cfg(test)]
mod files;
#[cfg(test)]
mod house;
#[cfg(test)]
mod how_tos;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod linkage;
#[cfg(test)]
mod links;
#[cfg(test)]
mod literals;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod words;
