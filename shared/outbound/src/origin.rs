//! Where a client may go: one scheme, host and port, and nowhere else.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::address::is_public;

/// Whether a host may be at a private, loopback or link-local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateAddresses {
    /// No: the ordinary case for a vendor's API.
    Refused,
    /// Yes, because the operator says so for this host: an instance inside the network, a stand-in in a test. Plain
    /// http is allowed then, too.
    Allowed,
}

/// An origin: scheme, host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    url: Url,
    private: PrivateAddresses,
}

/// The text is not an origin that may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not `https://host[:port]`.
    #[error("https://host[:port] is expected, without user, path, query or fragment")]
    Form,
    /// Plain http to a host whose private addresses are not allowed.
    #[error("plain http is for hosts whose private addresses are allowed")]
    PlainHttp,
    /// The host is a private address, and those are not allowed.
    #[error("the address is private, loopback or link-local and not allowed for this host")]
    PrivateAddress,
}

impl Origin {
    /// Reads `https://host[:port]`.
    ///
    /// # Errors
    /// When the text has another form, or names what may not be called.
    pub fn parse(text: &str, private: PrivateAddresses) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError::Form)?;
        let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(OriginError::Form);
        }
        match (url.scheme(), private) {
            ("https", _) | ("http", PrivateAddresses::Allowed) => {}
            ("http", PrivateAddresses::Refused) => return Err(OriginError::PlainHttp),
            _ => return Err(OriginError::Form),
        }
        let address = match url.host().ok_or(OriginError::Form)? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        // A literal address is never resolved, so it is checked here.
        if private == PrivateAddresses::Refused && address.is_some_and(|address| !is_public(address)) {
            return Err(OriginError::PrivateAddress);
        }
        Ok(Self { url, private })
    }

    /// Whether private addresses are allowed.
    #[must_use]
    pub const fn private(&self) -> PrivateAddresses {
        self.private
    }

    /// The URL of the root.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        use PrivateAddresses::{Allowed, Refused};
        for (text, private, shown) in [
            ("https://cloud.getdbt.com", Refused, "https://cloud.getdbt.com"),
            ("https://EMEA.dbt.com:443/", Refused, "https://emea.dbt.com"),
            ("https://1.1.1.1:8443", Refused, "https://1.1.1.1:8443"),
            ("http://127.0.0.1:4000", Allowed, "http://127.0.0.1:4000"),
        ] {
            assert_eq!(Origin::parse(text, private).map(|origin| origin.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for (text, private, error) in [
            ("cloud.getdbt.com", Refused, OriginError::Form),
            ("https://user@cloud.getdbt.com", Refused, OriginError::Form),
            ("https://cloud.getdbt.com/api", Refused, OriginError::Form),
            ("https://cloud.getdbt.com?x", Refused, OriginError::Form),
            ("https://cloud.getdbt.com#x", Refused, OriginError::Form),
            ("ftp://cloud.getdbt.com", Allowed, OriginError::Form),
            ("file:///etc/passwd", Allowed, OriginError::Form),
            ("http://cloud.getdbt.com", Refused, OriginError::PlainHttp),
            ("https://127.0.0.1", Refused, OriginError::PrivateAddress),
            ("https://0x7f.1", Refused, OriginError::PrivateAddress),
            ("https://2130706433", Refused, OriginError::PrivateAddress),
            ("https://169.254.169.254", Refused, OriginError::PrivateAddress),
            ("https://[::1]", Refused, OriginError::PrivateAddress),
            ("https://[::ffff:10.0.0.1]", Refused, OriginError::PrivateAddress),
        ] {
            assert_eq!(Origin::parse(text, private).map(|_| ()), Err(error), "{text}");
        }
    }
}
