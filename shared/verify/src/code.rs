//! The closed list of reasons. Codes are part of the format (spec/verify/protocol.md): other verifiers give the same.

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a check failed, or why it does not apply.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code in reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A check before this one failed, so this one could not be made. Counts as failed.
    NotExamined = "NOT_EXAMINED",

    /// The trust file is larger than the limit.
    TrustTooLarge = "TRUST_TOO_LARGE",
    /// The trust file is not strict JSON, or not of the form of its schema.
    TrustMalformed = "TRUST_MALFORMED",
    /// The trust file is of another format than version 0.
    TrustFormatUnknown = "TRUST_FORMAT_UNKNOWN",
    /// The trust file lists no key.
    TrustNoKeys = "TRUST_NO_KEYS",
    /// One key id stands twice.
    KeyidDuplicate = "KEYID_DUPLICATE",
    /// A key id is not the SHA-256 of its key.
    KeyidMismatch = "KEYID_MISMATCH",
    /// Not applicable: the trust file came as a plain document.
    TrustUnsigned = "TRUST_UNSIGNED",
    /// A document marks a member as critical that this verifier does not know.
    CriticalUnknown = "CRITICAL_UNKNOWN",

    /// The zip is larger than the limit.
    ZipTooLarge = "ZIP_TOO_LARGE",
    /// The zip has more entries than the limit.
    ZipTooManyEntries = "ZIP_TOO_MANY_ENTRIES",
    /// The zip has a path that no bundle has.
    ZipPath = "ZIP_PATH",
    /// The bytes are not the one encoding of their files.
    ZipNotCanonical = "ZIP_NOT_CANONICAL",
    /// There is no manifest in the zip.
    ManifestMissing = "MANIFEST_MISSING",

    /// The envelope is larger than the limit.
    EnvelopeTooLarge = "ENVELOPE_TOO_LARGE",
    /// Not an envelope, or not in its only form.
    EnvelopeForm = "ENVELOPE_FORM",
    /// The envelope has another payload type.
    PayloadType = "PAYLOAD_TYPE",
    /// No signature, or more than one.
    SignatureCount = "SIGNATURE_COUNT",
    /// The trust file does not list the key.
    KeyUnknown = "KEY_UNKNOWN",
    /// The signature is not in DER; r‖s of 64 bytes is a usual cause.
    SignatureNotDer = "SIGNATURE_NOT_DER",
    /// The signature does not match key and payload.
    SignatureMismatch = "SIGNATURE_MISMATCH",
    /// The key was retired, and nothing shows that the envelope is older.
    KeyRetired = "KEY_RETIRED",
    /// The key is known to be compromised, and nothing shows that the envelope is older.
    KeyCompromised = "KEY_COMPROMISED",
    /// The key counts from a later position of the log only, and nothing shows that the envelope stands there.
    KeyNotYetValid = "KEY_NOT_YET_VALID",
    /// The payload is not an in-toto Statement v1 in strict JSON.
    StatementMalformed = "STATEMENT_MALFORMED",
    /// The statement is about nothing.
    NoSubject = "NO_SUBJECT",
    /// The statement's predicate type is not one of this format.
    PredicateUnknown = "PREDICATE_UNKNOWN",
    /// The statement is of another kind than its place calls for.
    PredicateOther = "PREDICATE_OTHER",
    /// The key's role may not sign this kind of statement.
    RoleNotAllowed = "ROLE_NOT_ALLOWED",
    /// The document is of another format than version 0.
    FormatUnknown = "FORMAT_UNKNOWN",
    /// A member that the format requires is missing or has another form.
    DocumentMalformed = "DOCUMENT_MALFORMED",

    /// The bundle is another one than the id that was asked for.
    BundleIdMismatch = "BUNDLE_ID_MISMATCH",
    /// Not applicable: no id was given to compare with.
    NoIdGiven = "NO_ID_GIVEN",
    /// The change id does not follow from kind, connection and anchor.
    ChangeIdMismatch = "CHANGE_ID_MISMATCH",
    /// Revision 1 names a predecessor, a later one names none, or the revision is 0.
    RevisionInconsistent = "REVISION_INCONSISTENT",
    /// The document claims a later time than the one given.
    ProducedLater = "PRODUCED_LATER",
    /// Not applicable: no time was given to compare with.
    NoTimeGiven = "NO_TIME_GIVEN",

    /// The entries are not in strictly ascending order of their paths.
    EntriesNotSorted = "ENTRIES_NOT_SORTED",
    /// The manifest lists itself.
    ManifestListed = "MANIFEST_LISTED",
    /// A file that the manifest lists is not in the zip.
    FileMissing = "FILE_MISSING",
    /// A file in the zip is not listed by the manifest.
    FileUnlisted = "FILE_UNLISTED",
    /// A file has another size than listed.
    FileSizeMismatch = "FILE_SIZE_MISMATCH",
    /// A file has another digest than listed.
    FileDigestMismatch = "FILE_DIGEST_MISMATCH",
    /// The statement's subjects are not the entries.
    SubjectsMismatch = "SUBJECTS_MISMATCH",
    /// The tree's size or root does not follow from the entries.
    TreeMismatch = "TREE_MISMATCH",
    /// The scope file is not the one that the manifest names.
    ScopeMismatch = "SCOPE_MISMATCH",

    /// Not applicable: the bundle holds no such file.
    Absent = "ABSENT",
    /// The manifest's receipts are not in strictly ascending order.
    ReceiptsNotSorted = "RECEIPTS_NOT_SORTED",
    /// A file stands among the receipts under a name that is no receipt's.
    ReceiptPath = "RECEIPT_PATH",
    /// A receipt in the zip is not among the manifest's receipts.
    ReceiptUnlisted = "RECEIPT_UNLISTED",
    /// One of the manifest's receipts is not in the zip.
    ReceiptMissing = "RECEIPT_MISSING",
    /// A receipt's id does not follow from source, connection and identity, or is not its file's.
    ReceiptIdMismatch = "RECEIPT_ID_MISMATCH",
    /// A receipt whose identity is its body's digest has another body as its subject.
    ReceiptIdentityMismatch = "RECEIPT_IDENTITY_MISMATCH",

    /// The facts are not strict JSON of their schema.
    FactsMalformed = "FACTS_MALFORMED",
    /// A fact rests on a reading that is not there, or one reading stands twice.
    FactsReadingUnknown = "FACTS_READING_UNKNOWN",
    /// A reading names a receipt that the bundle does not hold.
    FactsReceiptUnknown = "FACTS_RECEIPT_UNKNOWN",
    /// An attestation's subjects are not the files of this bundle that it must rest on.
    AttestationSubjectMismatch = "ATTESTATION_SUBJECT_MISMATCH",
    /// An attestation is about another change, a period, or another framework.
    AttestationChangeMismatch = "ATTESTATION_CHANGE_MISMATCH",

    /// The trust file asks for a log, and no proof of inclusion was found.
    NotLogged = "NOT_LOGGED",
    /// Not applicable: the deployment has no log yet.
    NotLoggedYet = "NOT_LOGGED_YET",
    /// The proof does not lead from the file to the manifest's root.
    InclusionMismatch = "INCLUSION_MISMATCH",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_they_are_serialised() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
