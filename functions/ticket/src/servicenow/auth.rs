//! Signing in: basic authentication, or OAuth 2.0 client credentials whose token is fetched anew once after a 401.

use bytes::Bytes;
use clyra_outbound::error::BuildError;
use clyra_outbound::token::{ClientCredentials, TokenCall, Tokens};
use clyra_outbound::{
    Answer, Credential, Limits, Origin, Outbound, OutboundError, RequestPath, Sent, WriteError, Writing,
};
use serde_json::Value;

use super::Object;

/// How to sign in, and where.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// A user and a password.
    Basic(Credential),
    /// A registered client at the origin.
    OAuth(Origin, ClientCredentials),
}

/// Calls an instance, signed in.
#[derive(Debug)]
pub(super) struct Caller {
    client: Writing,
    tokens: Option<Tokens>,
}

/// What is sent to a place.
#[derive(Clone, Debug)]
enum Call<'a> {
    Get,
    Post(&'a Object),
    Patch(&'a Value),
    Upload(&'static str, Bytes),
}

impl Caller {
    pub(super) fn new(outbound: &Outbound, sign_in: SignIn, limits: Limits) -> Result<Self, BuildError> {
        let (credential, tokens) = match sign_in {
            SignIn::Basic(credential) => (credential, None),
            SignIn::OAuth(origin, client) => {
                (Credential::anonymous(&origin), Some(outbound.tokens(TokenCall::ServiceNow, client, limits)?))
            }
        };
        Ok(Self { client: outbound.writing(credential, limits)?, tokens })
    }

    pub(super) async fn get(&self, path: &RequestPath) -> Result<Answer, WriteError> {
        self.call(path, Call::Get).await
    }

    pub(super) async fn post(&self, path: &RequestPath, fields: &Object) -> Result<Answer, WriteError> {
        self.call(path, Call::Post(fields)).await
    }

    pub(super) async fn patch(&self, path: &RequestPath, fields: &Value) -> Result<Answer, WriteError> {
        self.call(path, Call::Patch(fields)).await
    }

    pub(super) async fn upload(
        &self,
        path: &RequestPath,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Result<Answer, WriteError> {
        self.call(path, Call::Upload(media_type, bytes)).await
    }

    async fn call(&self, path: &RequestPath, call: Call<'_>) -> Result<Answer, WriteError> {
        let Some(tokens) = &self.tokens else {
            return send(&self.client, path, call).await;
        };
        let first = send(&self.with_token(tokens).await?, path, call.clone()).await;
        match first {
            // The token was revoked or ended early. A 401 says that nothing was done, so once more is safe.
            Err(WriteError { error: OutboundError::CredentialRefused { status: 401, .. }, .. }) => {
                tokens.forget().await;
                send(&self.with_token(tokens).await?, path, call).await
            }
            done => done,
        }
    }

    async fn with_token(&self, tokens: &Tokens) -> Result<Writing, WriteError> {
        let not_sent = |error| WriteError { sent: Sent::No, error };
        let credential = tokens.credential().await.map_err(not_sent)?;
        self.client.with_credential(credential).map_err(not_sent)
    }
}

async fn send(client: &Writing, path: &RequestPath, call: Call<'_>) -> Result<Answer, WriteError> {
    match call {
        // Nothing is written by a GET, so nothing about it is unknown.
        Call::Get => client.get(path).await.map_err(|error| WriteError { sent: Sent::No, error }),
        Call::Post(fields) => client.post(path, fields).await,
        Call::Patch(fields) => client.patch(path, fields).await,
        Call::Upload(media_type, bytes) => client.post_bytes(path, media_type, bytes).await,
    }
}
