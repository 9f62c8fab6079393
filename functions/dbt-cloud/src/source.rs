//! One connection of dbt Cloud.

use clyra_evidence::id::{ConnectionName, Source, SourceId};
use clyra_evidence::receipt::Identity;
use clyra_receive::delivery::{Authentic, Delivery, Raw};
use clyra_receive::mac::{MacKeys, MacRefused};
use clyra_receive::sender::{DeliveryFacts, NotTold, Sender, Unreadable};
use serde_json::Value;

use crate::{facts, identity, signature};

/// Largest body that is read, in bytes. Genuine deliveries have about a kilobyte, and their names are bounded; a
/// mebibyte leaves room for members to come and none for exhausting memory.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) name: ConnectionName,
    pub(crate) account_id: Option<SourceId>,
    pub(crate) keys: MacKeys,
}

impl Sender for Connection {
    fn source(&self) -> Source {
        Source::DbtCloud
    }

    fn connection(&self) -> &ConnectionName {
        &self.name
    }

    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn authenticate(&self, delivery: Delivery<Raw>) -> Result<Delivery<Authentic>, MacRefused> {
        delivery.authenticate(&signature::mac(&self.keys))
    }

    fn identify(&self, document: &Value) -> Result<Identity, Unreadable> {
        identity::identity(document)
    }

    fn tell(&self, document: &Value) -> Result<DeliveryFacts, NotTold> {
        let told = facts::told(document)?;
        match &self.account_id {
            Some(expected) if facts::account_id(document).as_ref() != Some(expected) => Err(NotTold::OtherAccount),
            _ => Ok(told),
        }
    }
}
