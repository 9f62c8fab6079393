//! A delivery, first as it came, then as authenticated. Only an authentic one can be parsed.

use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::receipt::Authentication;
use clyra_evidence::strict_json::{self, StrictJsonError};
use clyra_evidence::time::Timestamp;
use clyra_service::http::Request;
use http::{HeaderMap, HeaderName};

use crate::mac::{Mac, MacRefused};

/// Nothing has been checked: the bytes may come from anybody.
#[derive(Debug)]
pub struct Raw {
    headers: HeaderMap,
}

/// The MAC held over exactly these bytes.
#[derive(Debug)]
pub struct Authentic {
    authentication: Authentication,
}

/// One delivery in a state of trust.
#[derive(Debug)]
pub struct Delivery<State> {
    body: Bytes,
    received_at: Timestamp,
    state: State,
}

/// The body has more bytes than any genuine delivery of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has more than {body_bytes_max} bytes")]
pub struct TooLarge {
    /// The source's limit.
    pub body_bytes_max: usize,
}

impl Delivery<Raw> {
    /// Takes a request whose transport encoding (a gateway's base64) is already undone. Header names are in lower case,
    /// as the type of the request has them.
    ///
    /// # Errors
    /// When the body is over the limit.
    pub fn take(request: Request, body_bytes_max: usize, received_at: Timestamp) -> Result<Self, TooLarge> {
        let (parts, body) = request.into_parts();
        if body.len() > body_bytes_max {
            return Err(TooLarge { body_bytes_max });
        }
        Ok(Self { body, received_at, state: Raw { headers: parts.headers } })
    }

    /// Checks the sender's MAC over the raw bytes. It is computed whatever the header holds, so that a missing, doubled
    /// or mangled signature takes as long to refuse as a wrong one.
    ///
    /// # Errors
    /// When the MAC does not hold. The caller learns nothing more.
    pub fn authenticate(self, mac: &Mac<'_>) -> Result<Delivery<Authentic>, MacRefused> {
        let Self { body, received_at, state: Raw { headers } } = self;
        let authentication = mac.check(&headers, &body)?;
        Ok(Delivery { body, received_at, state: Authentic { authentication } })
    }
}

impl<State> Delivery<State> {
    /// When the delivery reached us.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }
}

impl Delivery<Authentic> {
    /// Reads the body as strict JSON.
    ///
    /// # Errors
    /// When it is not JSON, not UTF-8, ambiguous or nested too deep.
    pub fn parse(&self) -> Result<serde_json::Value, StrictJsonError> {
        strict_json::parse(&self.body)
    }

    /// SHA-256 of the body as it came.
    #[must_use]
    pub fn body_digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.body)
    }

    /// Size of the body in bytes.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body.len() as u64
    }

    /// How the sender was authenticated.
    #[must_use]
    pub fn authentication(&self) -> &Authentication {
        &self.state.authentication
    }
}

/// The value of a header that stands exactly once: of two signatures, one could be checked and the other believed.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
