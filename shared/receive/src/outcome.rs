//! What became of a delivery that is durable: the words that its sender is told, and that metrics and logs use.

/// In every case something durable holds what the sender told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored for the first time.
    Recorded,
    /// Stored for the first time, more than a day after it was sent.
    Late,
    /// Stored for the first time, unsigned because the signer failed. Somebody must look.
    Pending,
    /// Known: the same body was there before.
    Duplicate,
    /// Known: another body that tells the same was there before.
    Variant,
    /// Something else was told before under the same id; this is stored beside it. Somebody must look.
    Conflict,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Recorded, Self::Late, Self::Pending, Self::Duplicate, Self::Variant, Self::Conflict];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Late => "late",
            Self::Pending => "pending",
            Self::Duplicate => "duplicate",
            Self::Variant => "variant",
            Self::Conflict => "conflict",
        }
    }
}
