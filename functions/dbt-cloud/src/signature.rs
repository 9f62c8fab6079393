//! How dbt Cloud signs: the bare hex HMAC-SHA-256 of the raw body in `Authorization`, without a scheme word
//! (docs.getdbt.com, "Webhooks for your jobs", section "Validate a webhook").

use clyra_receive::mac::{Mac, MacKeys};
use http::header::AUTHORIZATION;

pub(crate) fn mac(keys: &MacKeys) -> Mac<'_> {
    Mac { header: &AUTHORIZATION, scheme: "", before_body: b"", keys }
}
