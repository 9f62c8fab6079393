//! Where things stand in the Change Management API. Its calls for approvals are not among them, on purpose: they act as
//! the API user's own approval.

use clyra_outbound::RequestPath;

use crate::worth::TicketType;

pub(super) fn list() -> RequestPath {
    RequestPath::literal("/api/sn_chg_rest/change")
}

pub(super) fn one(sys_id: &str) -> RequestPath {
    RequestPath::literal("/api/sn_chg_rest/change").segment(sys_id)
}

/// The body names the type, as this call wants it; only a standard change by a template has a place of its own.
pub(super) fn create(kind: TicketType, standard_template: Option<&str>) -> RequestPath {
    match (kind, standard_template) {
        (TicketType::Standard, Some(template)) => {
            RequestPath::literal("/api/sn_chg_rest/change/standard").segment(template)
        }
        (TicketType::Standard | TicketType::Normal | TicketType::Emergency, _) => list(),
    }
}
