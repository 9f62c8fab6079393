//! The promises of the ticket step, against a ServiceNow that does what hurts: at most one ticket, or found and reported;
//! no approval, no state, no word that a bundle does not hold.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod bundles;
mod change_api;
mod faults;
mod opening;
mod policy;
mod revisions;
mod scene;
mod traps;
mod words;
