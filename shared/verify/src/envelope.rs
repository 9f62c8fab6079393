//! Opening a signed document, step by step: the same steps for manifests, receipts, attestations and all others.

use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope, EnvelopeError};
use clyra_evidence::key::SignatureError;
use clyra_evidence::statement::{PredicateName, StatementError, StatementHeader, Subject};
use clyra_evidence::strict_json;
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::{TrustFile, TrustedKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check::Stage;
use crate::code::Code;
use crate::examination::{Failure, quoted};

/// A signed document, after all steps but the last: what its members say is not read yet.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) name: PredicateName,
    pub(crate) payload: Vec<u8>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) predicate: Value,
}

/// A step that failed.
pub(crate) type StageFailure = (Stage, Failure);

/// Opens `bytes`, which must state what `belongs` accepts.
pub(crate) fn open(
    bytes: &[u8],
    trust: &TrustFile,
    belongs: impl Fn(PredicateName) -> bool,
) -> Result<Opened, StageFailure> {
    let envelope = envelope_form(bytes).map_err(|failure| (Stage::Form, failure))?;
    let keyid = envelope.keyid();
    let key = trust.key(keyid).ok_or_else(|| {
        let why = format!("The trust file does not list the key {keyid}.");
        (Stage::Key, Failure::new(Code::KeyUnknown, why))
    })?;
    let payload = envelope.verify(&key.spki).map_err(|error| (Stage::Signature, signature_failure(error)))?;
    standing(key).map_err(|failure| (Stage::KeyStanding, failure))?;
    let (header, mut statement) = statement(payload).map_err(|failure| (Stage::Statement, failure))?;
    let name = trust.spec_base.predicate_name(header.predicate_type()).ok_or_else(|| {
        let why = "Its predicate type is none of this format under the trust file's base.";
        (Stage::Predicate, Failure::new(Code::PredicateUnknown, why))
    })?;
    if !belongs(name) {
        let why = format!("It states {}, which does not belong here.", name.as_str());
        return Err((Stage::Predicate, Failure::new(Code::PredicateOther, why)));
    }
    if !key.role.may_sign(name) {
        let why = format!("A key of the role {} may not sign {}.", key.role, name.as_str());
        return Err((Stage::Role, Failure::new(Code::RoleNotAllowed, why)));
    }
    let predicate = statement.get_mut("predicate").map(Value::take).unwrap_or_default();
    no_critical(&predicate).map_err(|failure| (Stage::Critical, failure))?;
    let subjects = subjects(&mut statement).map_err(|failure| (Stage::Statement, failure))?;
    Ok(Opened { name, payload: payload.to_vec(), subjects, predicate })
}

/// The envelope in its only form.
pub(crate) fn envelope_form(bytes: &[u8]) -> Result<Envelope, Failure> {
    Envelope::from_bytes(bytes).map_err(|error| match error {
        EnvelopeError::TooLarge => {
            Failure::new(Code::EnvelopeTooLarge, format!("It is larger than {ENVELOPE_BYTES_MAX} bytes."))
        }
        EnvelopeError::Malformed(_) => Failure::new(Code::EnvelopeForm, "It is not JSON of an envelope's members."),
        EnvelopeError::NotCanonical => {
            Failure::new(Code::EnvelopeForm, "Written again, its members give other bytes: it is not in its only form.")
        }
        EnvelopeError::PayloadType => Failure::new(Code::PayloadType, "Its payload type is not that of in-toto."),
        EnvelopeError::SignatureCount => Failure::new(Code::SignatureCount, "It does not have exactly one signature."),
    })
}

pub(crate) fn signature_failure(error: SignatureError) -> Failure {
    match error {
        SignatureError::NotDer => {
            Failure::new(Code::SignatureNotDer, "The signature is not in DER; r‖s of 64 bytes is a usual cause.")
        }
        SignatureError::Mismatch => {
            Failure::new(Code::SignatureMismatch, "The signature does not match key and payload.")
        }
    }
}

/// Without a log nothing shows the age of an envelope, so a key counts only if it counts now.
pub(crate) fn standing(key: &TrustedKey) -> Result<(), Failure> {
    let failure = |code, why: &str| Err(Failure::new(code, why));
    if key.compromised_at_index.is_some() {
        return failure(
            Code::KeyCompromised,
            "The key is known to be compromised; no log shows the document to be older.",
        );
    }
    if key.retired_at_index.is_some() {
        return failure(Code::KeyRetired, "The key was retired; no log shows that the document is older.");
    }
    if key.from_index > 0 {
        return failure(Code::KeyNotYetValid, "The key counts from a later position of the log than can be shown.");
    }
    Ok(())
}

fn statement(payload: &[u8]) -> Result<(StatementHeader, Value), Failure> {
    let malformed = |why: &str| Failure::new(Code::StatementMalformed, why);
    let statement = strict_json::parse(payload)
        .map_err(|_| malformed("The payload is not JSON in UTF-8 with unique member names."))?;
    let header = StatementHeader::of(payload).map_err(|error| match error {
        StatementError::NoSubject => Failure::new(Code::NoSubject, "The statement has no subject."),
        StatementError::Malformed(_)
        | StatementError::NotAStatement
        | StatementError::OtherPredicate
        | StatementError::OtherSubject => malformed("The payload is not an in-toto Statement v1."),
    })?;
    Ok((header, statement))
}

fn subjects(statement: &mut Value) -> Result<Vec<Subject>, Failure> {
    let subjects = statement.get_mut("subject").map(Value::take).unwrap_or_default();
    serde_json::from_value(subjects)
        .map_err(|_| Failure::new(Code::StatementMalformed, "The payload is not an in-toto Statement v1."))
}

/// Version 0 has no critical member, so whatever is marked as such is unknown.
pub(crate) fn no_critical(document: &Value) -> Result<(), Failure> {
    let Some(critical) = document.get("critical") else { return Ok(()) };
    let names: Vec<String> = Vec::deserialize(critical)
        .map_err(|_| Failure::new(Code::CriticalUnknown, "The member critical is not a list of names."))?;
    match names.first() {
        None => Ok(()),
        Some(name) => {
            let why = format!("A reader must understand \"{}\", and this one does not.", quoted(name));
            Err(Failure::new(Code::CriticalUnknown, why))
        }
    }
}

/// Reads a document, whose times at `times` (JSON pointers) must be in the one form that evidence uses.
pub(crate) fn document<T: DeserializeOwned>(predicate: Value, times: &[&str]) -> Result<T, Failure> {
    let malformed = |why: String| Failure::new(Code::DocumentMalformed, why);
    for pointer in times {
        let Some(value) = predicate.pointer(pointer).filter(|value| !value.is_null()) else { continue };
        let one_form = |text: &str| text.parse::<Timestamp>().is_ok_and(|time| time.to_string() == text);
        if !value.as_str().is_some_and(one_form) {
            return Err(malformed(format!("The time at {pointer} is not written as 2026-11-20T09:41:00.000Z.")));
        }
    }
    serde_json::from_value(predicate)
        .map_err(|error| malformed(format!("A member is missing or has another form: {}.", quoted(&error))))
}
