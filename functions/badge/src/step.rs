//! The step: a period attestation was stored; its badge gets its token.

use std::sync::Arc;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::time::Timestamp;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::EvidenceReader;
use clyra_ports::ledger::Ledger;
use clyra_ports::signer::{SignError, Signer};
use clyra_ports::step::{Step, StepError};

use crate::attestation::{self, AttestationError};
use crate::config::{BadgeName, Config};
use crate::registry::{self, Issued};
use crate::token::{self, TokenError};

/// Issues tokens. Runs for every badge, public or not: whether it is seen is decided on GET.
#[derive(Clone, Debug)]
pub struct BadgeStep {
    /// The evidence.
    pub reader: Arc<dyn EvidenceReader>,
    /// The registry.
    pub ledger: Ledger,
    /// The key in the role `token`.
    pub signer: Arc<dyn Signer>,
    /// The time of issue.
    pub clock: Arc<dyn Clock>,
    /// What the operator decided.
    pub config: Config,
}

#[async_trait]
impl Step for BadgeStep {
    fn name(&self) -> &'static str {
        "badge"
    }

    fn concerns(&self, key: &ObjectKey) -> bool {
        matches!(key, ObjectKey::PeriodAttestation { .. })
    }

    async fn handle(&self, key: &ObjectKey) -> Result<(), StepError> {
        let ObjectKey::PeriodAttestation { framework, project, to, n } = key else { return Ok(()) };
        let name = BadgeName { framework: framework.clone(), project: project.clone() };
        let entry = registry::entry(&self.ledger, &name).await.map_err(|e| later("LEDGER_UNAVAILABLE", &e))?;
        if entry.issued.is_some_and(|issued| (issued.to, issued.n) >= (*to, *n)) {
            return Ok(());
        }
        let checked = attestation::read(self.reader.as_ref(), key).await.map_err(|error| match error {
            AttestationError::Store(error) => later("STORE_UNAVAILABLE", &error),
            AttestationError::Refused(reason) => StepError::Park { code: "ATTESTATION_REFUSED", reason },
        })?;
        let base = &self.config.public_base_url;
        let claims = token::claims(&checked, &name, base, self.clock.now(), self.config.stale_after_days);
        let token = token::issue(self.signer.as_ref(), &claims).await.map_err(|error| match error {
            TokenError::Sign(SignError::Role { .. }) | TokenError::Write(_) => {
                StepError::Park { code: "TOKEN_NOT_ISSUED", reason: error.to_string() }
            }
            TokenError::Sign(SignError::Unavailable { .. } | SignError::Wrong) => later("SIGNER_UNAVAILABLE", &error),
        })?;
        let issued = Issued {
            to: *to,
            n: *n,
            attestation: checked.sha256,
            token,
            expires_at: Timestamp::EPOCH.plus_ms(claims.exp.saturating_mul(1_000)),
        };
        registry::advance(&self.ledger, &name, &issued).await.map_err(|e| later("LEDGER_UNAVAILABLE", &e))?;
        tracing::info!(badge.name = name.path(), badge.state = claims.state, "a badge token was issued");
        Ok(())
    }
}

fn later(code: &'static str, error: &dyn std::error::Error) -> StepError {
    StepError::Later { code, reason: error.to_string(), after_ms: None }
}
