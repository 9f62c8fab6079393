//! Documents of the Data Evidence Format that stand beside a change's bundle.

pub mod census_day;
pub mod rollup;
