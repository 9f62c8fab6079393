//! The reading client as the port that functions ask for.

use async_trait::async_trait;
use bytes::Bytes;
use clyra_ports::read_api::{ReadApi, ReadError};

use crate::error::OutboundError;
use crate::path::RequestPath;
use crate::read_only::ReadOnly;

#[async_trait]
impl ReadApi for ReadOnly {
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Bytes, ReadError> {
        let path = RequestPath::exactly(path, self.origin())
            .map_err(|error| ReadError::Unavailable { reason: error.to_string() })?;
        self.get_large(&path, bytes_max).await.map(|answer| answer.body).map_err(read_error)
    }
}

fn read_error(error: OutboundError) -> ReadError {
    match error {
        OutboundError::NotFound { .. } => ReadError::NotFound,
        OutboundError::CredentialRefused { .. } => ReadError::CredentialRefused,
        OutboundError::CoolingDown { after_ms } => ReadError::CoolingDown { after_ms },
        OutboundError::Unavailable { after_ms: Some(after_ms), .. } => ReadError::CoolingDown { after_ms },
        OutboundError::NotTheApi | OutboundError::Redirected { .. } => ReadError::NotTheApi,
        OutboundError::TooLarge { bytes_max } => ReadError::TooLarge { bytes_max },
        OutboundError::Unavailable { .. }
        | OutboundError::Rejected { .. }
        | OutboundError::Malformed { .. }
        | OutboundError::AddressRefused
        | OutboundError::Invalid { .. } => ReadError::Unavailable { reason: error.to_string() },
    }
}
