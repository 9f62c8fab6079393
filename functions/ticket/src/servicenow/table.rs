//! Where things stand in the Table API and the Attachment API.

use clyra_outbound::RequestPath;

/// The changes. References come as ids, not as links.
pub(super) fn list() -> RequestPath {
    RequestPath::literal("/api/now/table/change_request")
        .query("sysparm_fields", "sys_id,number,correlation_id,sys_created_on")
        .query("sysparm_exclude_reference_link", "true")
}

pub(super) fn one(sys_id: &str) -> RequestPath {
    RequestPath::literal("/api/now/table/change_request").segment(sys_id)
}

/// Values are values, not display values: dates are in UTC.
pub(super) fn create() -> RequestPath {
    RequestPath::literal("/api/now/table/change_request").query("sysparm_input_display_value", "false")
}

pub(super) fn attachments() -> RequestPath {
    RequestPath::literal("/api/now/attachment")
}

pub(super) fn upload() -> RequestPath {
    RequestPath::literal("/api/now/attachment/file")
}
