//! Who we are to AWS, and where it is.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use clyra_service::vars::{Name, SecretText, VarReader, Vars, VarsError};

/// All variables that [`Aws::from_vars`] reads. Lambda sets all of them but the last, which only tests set.
pub const KEYS: [&str; 5] =
    ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"];

/// Tries per call: a throttled or dropped call gets two more chances within its deadline.
const ATTEMPTS_MAX: u32 = 3;
/// How long a connection may take to be made: within a region it takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one try may take. Calls with large bodies set their own.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call may take with all its tries. dbt Cloud, the most patient sender, waits ten seconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// A connection to AWS, shared by all adapters of a process. Clones share the HTTPS client and its connections.
#[derive(Clone)]
pub struct Aws {
    config: SdkConfig,
    endpoint: Option<Endpoint>,
}

impl Aws {
    /// Takes region and credentials from the variables that Lambda sets.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub fn from_vars(vars: &dyn Vars) -> Result<Self, VarsError> {
        let mut read = VarReader::new(vars);
        let [region, id, secret, token, endpoint] = KEYS;
        let region = read.required::<Name>(region);
        let id = read.required::<Text>(id);
        let secret = read.required::<Text>(secret);
        let token = read.optional::<Token>(token);
        let endpoint = read.optional::<Endpoint>(endpoint);
        read.finish(|| {
            let token = token?.and_then(|token| Some(token.0?.expose().to_owned()));
            let (id, secret) = (id?, secret?);
            let credentials = Credentials::new(id.0.expose(), secret.0.expose(), token, None, "environment");
            Some(Self::new(region?.as_str(), credentials, endpoint?))
        })
    }

    fn new(region: &str, credentials: Credentials, endpoint: Option<Endpoint>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(crate::http::client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .timeout_config(timeouts);
        if let Some(endpoint) = &endpoint {
            config = config.endpoint_url(&endpoint.0);
        }
        Self { config: config.build(), endpoint }
    }

    /// What every SDK client is made from.
    #[cfg(any(feature = "dynamodb", feature = "kms", feature = "s3", feature = "secrets_manager", feature = "sqs"))]
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Whether buckets stand in the path: at one address there are no host names per bucket.
    #[cfg(feature = "s3")]
    pub(crate) fn path_style(&self) -> bool {
        self.endpoint.is_some()
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("region", &self.config.region())
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// One address for all services, instead of AWS's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// The text is no address that every service may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("https://host[:port] is expected, or http://127.0.0.1[:port] for an emulator on this machine")]
pub struct ParseEndpointError;

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ParseEndpointError)?;
        let rest = rest.trim_end_matches('/');
        let host = match rest.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            Some(_) => return Err(ParseEndpointError),
            None => rest,
        };
        let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match scheme {
            "https" if plain && !host.is_empty() => {}
            "http" if loopback => {}
            _ => return Err(ParseEndpointError),
        }
        Ok(Self(format!("{scheme}://{rest}")))
    }
}

/// Credentials, never empty and never printed.
struct Text(SecretText);

#[derive(Debug, thiserror::Error)]
#[error("it is empty")]
struct EmptyTextError;

impl FromStr for Text {
    type Err = EmptyTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SecretText::new(text).map(Self).ok_or(EmptyTextError)
    }
}

/// A session token. AWS's own SDKs take an empty one for none, and so do we.
struct Token(Option<SecretText>);

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(SecretText::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use clyra_service::vars::MapVars;

    use super::*;

    #[test]
    fn everything_missing_is_told_at_once_and_nothing_is_printed() {
        let error = Aws::from_vars(&MapVars::default().with("AWS_SECRET_ACCESS_KEY", " ")).unwrap_err();
        let keys: Vec<&str> = error.mistakes().iter().map(|mistake| mistake.key()).collect();
        assert_eq!(keys, ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
        let vars = MapVars::default()
            .with("AWS_REGION", "eu-central-1")
            .with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .with("AWS_SESSION_TOKEN", "")
            .with("AWS_SECRET_ACCESS_KEY", "hunter2");
        let printed = format!("{:?}", Aws::from_vars(&vars).unwrap());
        assert!(printed.contains("eu-central-1") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in
            ["http://127.0.0.1:4566", "http://localhost:4566/", "https://vpce-1.s3.eu-central-1.vpce.amazonaws.com"]
        {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "http://10.0.0.1:80",
            "http://example.org",
            "https://",
            "ftp://127.0.0.1",
            "https://a/b",
            "https://u@h",
        ] {
            assert_eq!(bad.parse::<Endpoint>(), Err(ParseEndpointError), "{bad}");
        }
    }
}
