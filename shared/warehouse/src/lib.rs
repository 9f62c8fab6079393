#![doc = include_str!("../README.md")]

#[cfg(feature = "apis")]
mod bigquery;
mod bounded;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "apis")]
mod databricks;
mod history;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "apis")]
mod refusal;
#[cfg(feature = "apis")]
mod snowflake;

#[cfg(feature = "apis")]
pub use self::bigquery::BigQuery;
pub use self::bounded::{Bounded, Clock};
#[cfg(feature = "apis")]
pub use self::databricks::Databricks;
pub use self::history::{Answer, Found, LookUpError, QueryHistory};
#[cfg(feature = "postgres")]
pub use self::postgres::{Postgres, PostgresError, PostgresSettings};
#[cfg(feature = "apis")]
pub use self::snowflake::{Snowflake, SnowflakeUser};
