//! Who may see a change: whoever holds its link. Asked before anything is looked up.

use clyra_evidence::id::ChangeId;
use clyra_evidence::link::{LinkError, LinkGrant, LinkKey};
use clyra_evidence::time::Timestamp;
use clyra_service::http::Response;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::answer;

/// Who may see verify pages, bundles and receipts.
#[derive(Clone, Debug)]
pub enum Access {
    /// Holders of a link that was issued with this key.
    Link {
        /// The deployment's key in the role `link`.
        key: LinkKey,
        /// Links of an earlier epoch are revoked.
        epoch: u32,
    },
    /// Everybody who reaches the server. For a server on loopback and for the demonstration, never for a public address.
    InsecureOpen,
}

/// Why somebody may not see something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAccess {
    /// No link came with the request that opens it.
    NoLink,
    /// The link that came was once good.
    Over(LinkError),
}

/// The name of the cookies that carry a link.
const COOKIE_NAME: &str = "clyra-link";
/// Longest life of a cookie that browsers grant, in seconds: 400 days (RFC 6265bis, section 5.5).
const COOKIE_SECONDS_MAX: i64 = 400 * 86_400;
/// Most cookies of other changes that are looked at for one receipt: an auditor's browser holds some dozens.
const COOKIES_TRIED_MAX: usize = 64;

impl Access {
    /// Whether the caller may see this change.
    pub(crate) fn of_change(&self, headers: &HeaderMap, change: ChangeId, now: Timestamp) -> Result<(), NoAccess> {
        let Self::Link { key, epoch } = self else { return Ok(()) };
        let mut refused = NoAccess::NoLink;
        for (name, value) in cookies(headers) {
            if name != COOKIE_NAME {
                continue;
            }
            match key.check(change, value, now, *epoch) {
                Ok(_) => return Ok(()),
                // What was once good says more than what never was.
                Err(error) => refused = NoAccess::of(error, refused),
            }
        }
        Err(refused)
    }

    /// The changes whose links the caller holds; `None` where nobody needs one.
    pub(crate) fn granted(&self, headers: &HeaderMap, now: Timestamp) -> Option<Vec<ChangeId>> {
        let Self::Link { key, epoch } = self else { return None };
        let granted = cookies(headers).filter(|(name, _)| name.starts_with("clyra-link-")).take(COOKIES_TRIED_MAX);
        let granted = granted.filter_map(|(_, value)| {
            let (change, capability) = value.split_once('.')?;
            let change: ChangeId = change.parse().ok()?;
            key.check(change, capability, now, *epoch).is_ok().then_some(change)
        });
        Some(granted.collect())
    }

    /// Answers the link of a ticket.
    pub(crate) fn open(&self, change: ChangeId, capability: Option<&str>, now: Timestamp, https: bool) -> Response {
        let location = format!("/verify/{change}");
        let Self::Link { key, epoch } = self else { return answer::see_other(&location) };
        let Some(capability) = capability else { return refusal(NoAccess::NoLink) };
        match key.check(change, capability, now, *epoch) {
            Err(error) => refusal(NoAccess::of(error, NoAccess::NoLink)),
            Ok(LinkGrant { not_after, .. }) => {
                let mut response = answer::see_other(&location);
                for cookie in set_cookies(change, capability, not_after, now, https) {
                    if let Ok(value) = HeaderValue::from_str(&cookie) {
                        response.headers_mut().append(SET_COOKIE, value);
                    }
                }
                response
            }
        }
    }
}

/// Four cookies, each for its paths only: page, bundles, receipts, documents.
fn set_cookies(change: ChangeId, capability: &str, not_after: Timestamp, now: Timestamp, https: bool) -> [String; 4] {
    let seconds = (not_after.ms_since(now) / 1_000).clamp(0, COOKIE_SECONDS_MAX);
    let secure = if https { "; Secure" } else { "" };
    let rest = format!("Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let id = change.to_string();
    [
        format!("{COOKIE_NAME}={capability}; Path=/verify/{id}; {rest}"),
        format!("{COOKIE_NAME}={capability}; Path=/bundles/{id}; {rest}"),
        format!("{COOKIE_NAME}-{}={id}.{capability}; Path=/receipts; {rest}", &id[..16]),
        format!("{COOKIE_NAME}-{}={id}.{capability}; Path=/documents; {rest}", &id[..16]),
    ]
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='))
}

impl NoAccess {
    /// What a link that does not open means: `otherwise`, unless it was once good.
    fn of(error: LinkError, otherwise: Self) -> Self {
        match error {
            LinkError::Expired | LinkError::Revoked => Self::Over(error),
            LinkError::Forged | LinkError::Malformed => otherwise,
        }
    }
}

/// Says in words why something is not shown, and what to do.
pub(crate) fn refusal(why: NoAccess) -> Response {
    let again = "Ask the person who runs this deployment, or whoever sent you the ticket, for a new link. The PDF attached \
                 to the ticket needs no link, and the evidence itself is unchanged.";
    match why {
        NoAccess::Over(LinkError::Expired) => answer::notice(
            StatusCode::GONE,
            "This link has ended",
            &["It was issued for a limited time, and that time is over.", again],
        ),
        NoAccess::Over(_) => {
            answer::notice(StatusCode::GONE, "This link was revoked", &["The links of its time were replaced.", again])
        }
        NoAccess::NoLink => answer::notice(
            StatusCode::FORBIDDEN,
            "This page opens with the link in the ticket",
            &[
                "Open the link exactly as it stands in the change ticket, with everything after the question mark.",
                again,
            ],
        ),
    }
}
