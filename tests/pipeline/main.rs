//! Delivery to verdict: the stack of `clyra serve` in one process over the adapters of one machine, against dbt Cloud and
//! ServiceNow as servers of their own; and the real server as a process that is killed.

#[cfg(test)]
mod api;
#[cfg(test)]
mod browse;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod process;
#[cfg(test)]
mod rebuilt;
#[cfg(test)]
mod week;
