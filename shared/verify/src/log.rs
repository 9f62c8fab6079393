//! What the trust file asks of a log. Version 0 has no proofs of inclusion, so a log that is named cannot be shown.

use clyra_evidence::trust::{Requirement, TrustFile};

use crate::check::CheckId;
use crate::code::Code;
use crate::examination::{Examination, Failure};

pub(crate) fn check(trust: &TrustFile, exam: &mut Examination) {
    if trust.require == Requirement::Signed && trust.logs.is_empty() {
        let why = "Not logged yet: the trust file names no log and requires a signature only.";
        exam.not_applicable(CheckId::LogInclusion, Code::NotLoggedYet, why);
        return;
    }
    let why = "The trust file names or requires a log, and there is no proof of inclusion.";
    exam.fail(CheckId::LogInclusion, Failure::new(Code::NotLogged, why));
}
