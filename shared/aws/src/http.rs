//! The one HTTPS client of all services, with a trust store of its own.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// All roots of Amazon Trust Services; where they come from and when they expire stands in the README.
const ROOTS_PEM: &str = include_str!("../roots/amazon.pem");

/// A client that trusts Amazon's roots only. Plain http works too; `Endpoint` keeps it to the loopback address.
pub(crate) fn client() -> SharedHttpClient {
    let roots = TrustStore::empty().with_pem_certificate(ROOTS_PEM);
    #[expect(clippy::expect_used, reason = "the roots are compiled in, and a test reads every one of them")]
    let context = TlsContext::builder().with_trust_store(roots).build().expect("the compiled-in roots are PEM");
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https()
}

#[cfg(test)]
mod tests {
    use clyra_evidence::digest::Sha256Digest;
    use clyra_evidence::time::Timestamp;
    use clyra_ports::clock::{Clock as _, SystemClock};
    use x509_parser::pem::Pem;

    use super::*;

    /// How long before the first root expires somebody must have replaced it.
    const NOTICE_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

    /// Name, SHA-256 and expiry (day) of every compiled-in root, in order.
    fn roots() -> Vec<(String, String, String, i64)> {
        let read = |pem: Result<Pem, _>| {
            let pem: Pem = pem.unwrap();
            let certificate = pem.parse_x509().unwrap();
            assert!(certificate.is_ca(), "a root is a CA");
            assert_eq!(certificate.subject(), certificate.issuer(), "a root signs itself");
            let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned();
            let until_ms = certificate.validity().not_after.timestamp() * 1_000;
            let day = Timestamp::EPOCH.plus_ms(until_ms).to_string()[..10].to_owned();
            (name, Sha256Digest::of(&pem.contents).to_string(), day, until_ms)
        };
        Pem::iter_from_buffer(ROOTS_PEM.as_bytes()).map(read).collect()
    }

    #[test]
    fn the_readme_lists_every_root_with_digest_and_expiry() {
        let table: Vec<String> =
            roots().iter().map(|(name, sha256, day, _)| format!("| {name} | `{sha256}` | {day} |")).collect();
        let readme = include_str!("../README.md");
        let listed: Vec<&str> = readme.lines().filter(|line| line.contains("| `")).collect();
        assert_eq!(listed, table);
        assert_eq!(table.len(), 5);
    }

    #[test]
    fn no_root_expires_within_a_year() {
        let now = SystemClock.now().unix_ms();
        for (name, _, day, until_ms) in roots() {
            assert!(
                until_ms - now > NOTICE_MS,
                "{name} expires on {day}: replace it from the repository named in the README"
            );
        }
    }

    #[test]
    fn the_client_takes_all_roots() {
        // Building the TLS context fails on a root that cannot be read.
        let _client = client();
    }
}
