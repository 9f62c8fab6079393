//! `clyra diff` as a person uses it: the real program over manifests of real dbt runs, and over what is none.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod how_to;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod run;
