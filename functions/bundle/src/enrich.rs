//! What the sources' APIs say beyond the delivery.

pub(crate) mod audit;
pub(crate) mod command;
pub(crate) mod dbt;
pub(crate) mod definition;
