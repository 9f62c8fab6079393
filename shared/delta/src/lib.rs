#![doc = include_str!("../README.md")]

pub mod artifact;
mod canonical;
pub mod compare;
pub mod lineage;
pub mod owners;
pub mod results;
pub mod vector;
pub mod warehouse_anchor;
