#![doc = include_str!("../README.md")]

mod answer;
pub mod artifact;
mod assertion;
pub mod bigquery;
pub mod databricks;
pub mod dbt_cloud;
pub mod fault;
pub mod keys;
pub mod post;
pub mod recorded;
pub mod request;
mod server;
pub mod servicenow;
pub mod snowflake;
mod wall;
pub mod webhook;
pub mod week;
pub mod world;

pub use bigquery::BigQuery;
pub use databricks::Databricks;
pub use dbt_cloud::DbtCloud;
pub use fault::Fault;
pub use post::post;
pub use servicenow::ServiceNow;
pub use snowflake::Snowflake;
pub use webhook::sign;
pub use week::Week;
