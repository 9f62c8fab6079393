//! Every adapter against its warehouse: Postgres itself, the others as their documented APIs behave.

#[cfg(test)]
mod bigquery;
#[cfg(test)]
mod bounded;
#[cfg(test)]
mod databricks;
#[cfg(test)]
mod house;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod server;
#[cfg(test)]
mod snowflake;
