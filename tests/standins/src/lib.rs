#![doc = include_str!("../README.md")]

mod answer;
pub mod artifact;
pub mod dbt_cloud;
pub mod fault;
pub mod post;
pub mod recorded;
pub mod request;
mod server;
pub mod servicenow;
mod wall;
pub mod webhook;
pub mod week;
pub mod world;

pub use dbt_cloud::DbtCloud;
pub use fault::Fault;
pub use post::post;
pub use servicenow::ServiceNow;
pub use webhook::sign;
pub use week::Week;
