//! `POST /oauth_token.do`: client credentials, off unless the instance allows them.

use serde_json::json;

use super::{Setup, State};
use crate::answer::Answer;
use crate::request::Seen;

/// What the vendor sets by default for access tokens.
const TOKEN_SECONDS: u32 = 1_800;

pub(super) fn token(setup: &Setup, state: &mut State, request: &Seen) -> Answer {
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(&request.body).map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let asked = (value("client_id"), value("client_secret"));
    let granted = match &setup.oauth_client {
        Some((id, secret)) => {
            request.method == "POST"
                && value("grant_type") == Some("client_credentials")
                && asked == (Some(id.as_str()), Some(secret.as_str()))
        }
        None => false,
    };
    if !granted {
        return Answer::json(401, &json!({ "error": "server_error", "error_description": "access_denied" }));
    }
    state.tokens_issued += 1;
    let token = format!("insecure-token-{}", state.tokens_issued);
    state.tokens.push(token.clone());
    Answer::json(
        200,
        &json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": "useraccount" }),
    )
}
