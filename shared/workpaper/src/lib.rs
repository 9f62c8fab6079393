#![doc = include_str!("../README.md")]

mod compose;
pub mod html;
pub mod model;
pub mod names;
pub mod parts;
pub mod pdf;
#[cfg(test)]
mod sample;
pub mod shown;
pub mod words;

pub use model::WorkPaper;
pub use names::Names;
pub use parts::Parts;
pub use shown::Shown;

// The sample is shared with the example, which names this crate from outside.
#[cfg(test)]
extern crate self as clyra_workpaper;
