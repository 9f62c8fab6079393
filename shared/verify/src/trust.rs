//! Reading the trust file: what everything else is measured against.

use std::collections::BTreeSet;

use clyra_evidence::envelope::Envelope;
use clyra_evidence::role::Role;
use clyra_evidence::statement::{PredicateName, SpecBase, StatementHeader};
use clyra_evidence::strict_json;
use clyra_evidence::trust::{TRUST_BYTES_MAX, TrustFile, TrustedKey};
use serde_json::Value;

use crate::check::CheckId;
use crate::code::Code;
use crate::envelope::{envelope_form, no_critical, signature_failure, standing};
use crate::examination::{Examination, Failure, quoted};

/// The format of trust files of version 0. A plain file may leave the member `format` out.
pub(crate) const TRUST_FORMAT: &str = "trust/v0";

/// Reads `bytes`, a plain trust file or its signed envelope, and records every check of it.
pub(crate) fn read(bytes: &[u8], exam: &mut Examination) -> Option<TrustFile> {
    let opened = open(bytes);
    let (envelope, document) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            exam.fail(CheckId::TrustReadable, failure);
            return None;
        }
    };
    exam.pass(CheckId::TrustReadable, format!("{} bytes were read.", bytes.len()));
    if !exam.record(CheckId::TrustFormat, format(&document))
        || !exam.record(CheckId::TrustCritical, critical(&document))
    {
        return None;
    }
    let trust = match typed(document) {
        Ok(trust) => trust,
        Err(failure) => {
            exam.fail(CheckId::TrustDocument, failure);
            return None;
        }
    };
    exam.head().requires = Some(trust.require);
    exam.pass(CheckId::TrustDocument, format!("Serial {} with {} keys.", trust.serial, trust.keys.len()));
    let unique = exam.record(CheckId::TrustKeysUnique, unique(&trust.keys));
    let ids = exam.record(CheckId::TrustKeyids, ids(&trust.keys));
    let signed = match envelope {
        Some(envelope) => exam.record(CheckId::TrustSignature, signature(&envelope, &trust)),
        None => {
            let why = "A plain trust file carries no signature: it counts because you obtained it by another way.";
            exam.not_applicable(CheckId::TrustSignature, Code::TrustUnsigned, why);
            true
        }
    };
    (unique && ids && signed).then_some(trust)
}

fn malformed(why: impl Into<String>) -> Failure {
    Failure::new(Code::TrustMalformed, why)
}

fn open(bytes: &[u8]) -> Result<(Option<Envelope>, Value), Failure> {
    if bytes.len() > TRUST_BYTES_MAX {
        return Err(Failure::new(Code::TrustTooLarge, format!("The file is larger than {TRUST_BYTES_MAX} bytes.")));
    }
    let strict = |bytes: &[u8]| {
        strict_json::parse(bytes).map_err(|_| malformed("It is not JSON in UTF-8 with unique member names."))
    };
    let document = strict(bytes)?;
    if document.get("payloadType").is_none() {
        return Ok((None, document));
    }
    let envelope = envelope_form(bytes)?;
    let payload = envelope.unverified_payload();
    let mut statement = strict(payload)?;
    let predicate = statement.get_mut("predicate").map(Value::take).unwrap_or_default();
    let base: Option<SpecBase> = predicate.get("specBase").and_then(Value::as_str).and_then(|base| base.parse().ok());
    let header = StatementHeader::of(payload).ok();
    let name = base.zip(header).and_then(|(base, header)| base.predicate_name(header.predicate_type()));
    if name != Some(PredicateName::Trust) {
        return Err(malformed("The envelope does not hold a statement of a trust file."));
    }
    Ok((Some(envelope), predicate))
}

fn format(document: &Value) -> Result<String, Failure> {
    match document.get("format") {
        None => Ok(format!("It names no format, so it is {TRUST_FORMAT}.")),
        Some(format) if format == TRUST_FORMAT => Ok(format!("It is {TRUST_FORMAT}.")),
        Some(_) => Err(Failure::new(Code::TrustFormatUnknown, format!("Its format is not {TRUST_FORMAT}."))),
    }
}

fn critical(document: &Value) -> Result<String, Failure> {
    no_critical(document).map(|()| "No member is critical.".to_owned())
}

fn typed(document: Value) -> Result<TrustFile, Failure> {
    let trust: TrustFile = serde_json::from_value(document)
        .map_err(|error| malformed(format!("A member is missing or has another form: {}.", quoted(&error))))?;
    if trust.keys.is_empty() {
        return Err(Failure::new(Code::TrustNoKeys, "It lists no key, so nothing can be shown with it."));
    }
    Ok(trust)
}

fn unique(keys: &[TrustedKey]) -> Result<String, Failure> {
    let mut seen = BTreeSet::new();
    match keys.iter().find(|key| !seen.insert(key.keyid)) {
        Some(key) => Err(Failure::new(Code::KeyidDuplicate, "The key id stands more than once.").at(key.keyid)),
        None => Ok(format!("{} key ids, each once.", keys.len())),
    }
}

fn ids(keys: &[TrustedKey]) -> Result<String, Failure> {
    match keys.iter().find(|key| key.spki.id() != key.keyid) {
        Some(key) => {
            let why = format!("The key's SHA-256 is {}.", key.spki.id());
            Err(Failure::new(Code::KeyidMismatch, why).at(key.keyid))
        }
        None => Ok(format!("{} key ids follow from their keys.", keys.len())),
    }
}

fn signature(envelope: &Envelope, trust: &TrustFile) -> Result<String, Failure> {
    let keyid = envelope.keyid();
    let key = trust
        .key(keyid)
        .ok_or_else(|| Failure::new(Code::KeyUnknown, "The file does not list the key it is signed with.").at(keyid))?;
    if key.role != Role::Root {
        let why = format!("A key of the role {} may not sign a trust file.", key.role);
        return Err(Failure::new(Code::RoleNotAllowed, why).at(keyid));
    }
    standing(key).map_err(|failure| failure.at(keyid))?;
    envelope.verify(&key.spki).map_err(|error| signature_failure(error).at(keyid))?;
    Ok("A root key that the file lists signed it; that it is your root is for you to know.".to_owned())
}
