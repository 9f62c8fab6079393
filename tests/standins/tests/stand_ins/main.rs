//! Every trap and fault of the stand-ins, met by a plain HTTP client; and the plot of the week.
#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in test functions; here helpers are tests, too")]

mod client;
mod dbt_cloud;
mod deliveries;
mod faults;
mod servicenow;
mod week;
