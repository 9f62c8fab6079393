//! The document that shields.io's endpoint badge reads (shields.io/badges/endpoint-badge).

use serde::Serialize;

use crate::state::{Color, State, label};

/// Seconds for which a badge may be kept; shields.io takes nothing less.
pub(crate) const CACHE_SECONDS: u32 = 300;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoint {
    schema_version: u8,
    label: String,
    message: String,
    color: &'static str,
    is_error: bool,
    cache_seconds: u32,
}

impl Endpoint {
    pub(crate) fn of(framework: &str, state: State) -> Self {
        Self {
            schema_version: 1,
            label: label(framework),
            message: state.message(),
            color: state.color().as_str(),
            // shields.io lets nobody override the colour of an error.
            is_error: state.color() != Color::Green,
            cache_seconds: CACHE_SECONDS,
        }
    }
}
