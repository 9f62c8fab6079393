//! What a person can do about a code. A code that is not here is explained by its reason.

/// What to do about a message that was set aside.
pub(super) fn what_to_do(step: &str, code: &str) -> &'static str {
    match code {
        "CREDENTIAL_REFUSED" if step == "ticket" => {
            "correct the user or password of the ticket system, or its rights on change_request; restart, then: clyra redrive"
        }
        "CREDENTIAL_REFUSED" => "give the API token the rights to read, or replace it; restart, then: clyra redrive",
        "NOT_FOUND" => {
            "look whether the object still exists at the source and the token may see it, then: clyra redrive"
        }
        "ADDRESS_REFUSED" => {
            "set allowPrivate for this host if it is inside your network, restart, then: clyra redrive"
        }
        "REQUEST_REJECTED" => {
            "look at the rules of the other system that refuse it; correct the fields, then: clyra redrive"
        }
        "ANSWER_TOO_LARGE" | "ARTIFACT_TOO_LARGE" => {
            "the answer is over a fixed limit; report it with the object's name"
        }
        "CORRELATION_ID_NOT_KEPT" => {
            "let the integration user write correlation_id on change_request, then: clyra redrive"
        }
        "TICKET_OF_FIRST_PARKED" => "settle the change it names first, then: clyra redrive",
        "STORE_NOT_IN_ORDER" | "BUNDLE_MISPLACED" | "BUNDLE_INCOMPLETE" | "ATTESTATION_REFUSED" => {
            "evidence in the store is not as it was written: run clyra doctor, compare with your backup"
        }
        _ => "correct what the reason names, then: clyra redrive",
    }
}
