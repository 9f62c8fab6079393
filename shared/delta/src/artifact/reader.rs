//! Walks an artifact section by section, handing over one object at a time.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::artifact::error::{ArtifactError, ArtifactKind, Place};
use crate::artifact::value::{Name, Object, Seed, Trouble, Value, stop};

/// How a section of an artifact is read.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A value of any type, handed over at once.
    Any,
    /// An object, handed over at once.
    Object,
    /// An object of objects (or of arrays of them), handed over member by member with the wanted fields.
    Members(fn(&str) -> bool),
    /// An array of objects, handed over one by one with the wanted fields.
    Elements(fn(&str) -> bool),
}

/// Takes what [`read`] finds.
pub(crate) trait Sink {
    /// The artifact that is expected.
    const KIND: ArtifactKind;
    /// Most bytes that are read.
    const BYTES_MAX: usize;

    /// Whether and how a section is read; the static name is used in errors and in [`Sink::take`].
    fn section(name: &str) -> Option<(&'static str, Shape)>;

    /// Takes one object: the whole section, a member under its name, or an element.
    fn take(&mut self, section: &'static str, member: &str, value: Value<'_>) -> Result<(), ArtifactError>;
}

/// Reads `bytes` into `sink`.
pub(crate) fn read<S: Sink>(bytes: &[u8], sink: &mut S) -> Result<(), ArtifactError> {
    if bytes.len() > S::BYTES_MAX {
        return Err(ArtifactError::TooLarge { bytes: bytes.len(), bytes_max: S::BYTES_MAX });
    }
    // One pass over the bytes here saves one check per string below.
    let text =
        std::str::from_utf8(bytes).map_err(|error| ArtifactError::NotJson { line: 0, column: error.valid_up_to() })?;
    let trouble = Trouble::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let document = Document { sink, trouble: &trouble };
    let outcome = reader.deserialize_any(document).and_then(|()| reader.end());
    outcome.map_err(|error| match trouble.take() {
        Some(cause) => cause,
        // Only the document itself is read by a visitor that refuses types; sections report their own.
        None if error.is_data() => ArtifactError::NotThisArtifact { expected: S::KIND },
        None if error.to_string().starts_with("recursion limit") => ArtifactError::TooDeep { depth_max: 128 },
        None => ArtifactError::NotJson { line: error.line(), column: error.column() },
    })
}

struct Document<'s, S> {
    sink: &'s mut S,
    trouble: &'s Trouble,
}

impl<'a, S: Sink> Visitor<'a> for Document<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an artifact")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen: Vec<&'static str> = Vec::new();
        while let Some(name) = members.next_key_seed(Name)? {
            let Some((section, shape)) = S::section(&name) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen.contains(&section) {
                return Err(stop(self.trouble, ArtifactError::DuplicateMember { place: Place::section(section) }));
            }
            seen.push(section);
            if matches!(shape, Shape::Any) {
                let value = members.next_value_seed(Seed::whole(self.trouble))?;
                self.sink.take(section, "", value).map_err(|error| stop(self.trouble, error))?;
                continue;
            }
            members.next_value_seed(Section { section, shape, sink: self.sink, trouble: self.trouble })?;
        }
        Ok(())
    }
}

struct Section<'s, S> {
    section: &'static str,
    shape: Shape,
    sink: &'s mut S,
    trouble: &'s Trouble,
}

impl<'s, S: Sink> Section<'s, S> {
    fn hand_over<E: de::Error>(&mut self, member: &str, value: Value<'_>) -> Result<(), E> {
        self.sink.take(self.section, member, value).map_err(|error| stop(self.trouble, error))
    }

    fn wrong<E: de::Error>(&self) -> E {
        let expected = match self.shape {
            Shape::Any | Shape::Object | Shape::Members(_) => "an object",
            Shape::Elements(_) => "an array",
        };
        stop(self.trouble, ArtifactError::WrongType { place: Place::section(self.section), expected })
    }

    /// Names the place of what went wrong inside a value, which itself does not know where it stands.
    fn placed<E>(&self, member: &str, error: E) -> E {
        let mut trouble = self.trouble.borrow_mut();
        if let Some(ArtifactError::DuplicateMember { place }) = trouble.as_mut()
            && *place == Place::section("")
        {
            *place = Place::member(self.section, member);
        }
        error
    }
}

impl<'a, S: Sink> DeserializeSeed<'a> for Section<'_, S> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, S: Sink> Visitor<'a> for Section<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section of an artifact")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.wrong())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.wrong())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.wrong())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.wrong())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Err(self.wrong())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        let Shape::Elements(wanted) = self.shape else {
            return Err(self.wrong());
        };
        let seed = Seed::filtered(wanted, self.trouble);
        while let Some(value) = items.next_element_seed(seed).map_err(|error| self.placed("", error))? {
            self.hand_over("", value)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut members: A) -> Result<(), A::Error> {
        let wanted = match self.shape {
            Shape::Members(wanted) => wanted,
            Shape::Elements(_) => return Err(self.wrong()),
            Shape::Any | Shape::Object => {
                let seed = Seed::whole(self.trouble);
                let value = seed.visit_map(members).map_err(|error| self.placed("", error))?;
                return self.hand_over("", value);
            }
        };
        while let Some(name) = members.next_key_seed(Name)? {
            let seed = Seed::filtered(wanted, self.trouble);
            let value = members.next_value_seed(seed).map_err(|error| self.placed(&name, error))?;
            self.hand_over(&name, value)?;
        }
        Ok(())
    }
}

/// The object that a member of a section must be.
pub(crate) fn expect_object<'v, 'a>(
    section: &'static str,
    member: &str,
    value: &'v Value<'a>,
) -> Result<&'v Object<'a>, ArtifactError> {
    let place = || Place::member(section, member);
    value.as_object().ok_or_else(|| ArtifactError::WrongType { place: place(), expected: "an object" })
}
