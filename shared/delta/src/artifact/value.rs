//! A JSON value that borrows from its document: one object of a manifest at a time, never the whole file.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::artifact::error::{ArtifactError, Place};

/// Deepest nesting below one object of an artifact; dbt's own stays below 20.
pub(crate) const DEPTH_MAX: usize = 64;

#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Real(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// The members of an object, sorted by name, each name once.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// For what is absent.
pub(crate) static EMPTY: Object<'static> = Object(Vec::new());

impl<'a> Object<'a> {
    /// The member; `None` when absent or null, which dbt uses alike.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        let index = self.0.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        Some(&self.0[index].1).filter(|value| !matches!(value, Value::Null))
    }

    /// Whether the member stands in the object, null or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.binary_search_by(|(key, _)| key.as_ref().cmp(name)).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl<'a> Value<'a> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Value<'a>]> {
        if let Self::List(values) = self { Some(values) } else { None }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::UInt(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Real(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::UInt(number) => i64::try_from(*number).ok(),
            Self::Null | Self::Bool(_) | Self::Real(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::UInt(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn from_json_for_tests(json: &'a str) -> Self {
        let trouble = std::cell::RefCell::new(None);
        let mut reader = serde_json::Deserializer::from_str(json);
        Seed::whole(&trouble).deserialize(&mut reader).unwrap()
    }
}

/// The fields of one object of an artifact, with its place for errors.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'v, 'a> {
    pub(crate) section: &'static str,
    pub(crate) member: &'v str,
    pub(crate) object: &'v Object<'a>,
}

impl<'v, 'a> Fields<'v, 'a> {
    pub(crate) fn get(self, name: &str) -> Option<&'v Value<'a>> {
        self.object.get(name)
    }

    pub(crate) fn text(self, name: &'static str) -> Result<Option<&'v str>, ArtifactError> {
        self.typed(name, "a string", Value::as_text)
    }

    pub(crate) fn child(self, name: &'static str) -> Result<Option<&'v Object<'a>>, ArtifactError> {
        self.typed(name, "an object", Value::as_object)
    }

    pub(crate) fn list(self, name: &'static str) -> Result<Option<&'v [Value<'a>]>, ArtifactError> {
        self.typed(name, "an array", Value::as_list)
    }

    pub(crate) fn wrong(self, name: &'static str, expected: &'static str) -> ArtifactError {
        ArtifactError::WrongType { place: Place::field(self.section, self.member, name), expected }
    }

    pub(crate) fn typed<T>(
        self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'v Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, ArtifactError> {
        match self.object.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(name, expected)),
        }
    }
}

/// What went wrong inside serde, whose own errors are text.
pub(crate) type Trouble = std::cell::RefCell<Option<ArtifactError>>;

/// Fails serde's reading with an error of ours.
pub(crate) fn stop<E: de::Error>(trouble: &Trouble, error: ArtifactError) -> E {
    *trouble.borrow_mut() = Some(error);
    E::custom("stopped")
}

/// Reads a value; with a filter, the outermost objects keep only the members it wants.
#[derive(Clone, Copy)]
pub(crate) struct Seed<'t> {
    depth: usize,
    wanted: Option<fn(&str) -> bool>,
    trouble: &'t Trouble,
}

impl<'t> Seed<'t> {
    pub(crate) fn whole(trouble: &'t Trouble) -> Self {
        Self { depth: 0, wanted: None, trouble }
    }

    pub(crate) fn filtered(wanted: fn(&str) -> bool, trouble: &'t Trouble) -> Self {
        Self { depth: 0, wanted: Some(wanted), trouble }
    }

    fn deeper<E: de::Error>(self, wanted: Option<fn(&str) -> bool>) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(stop(self.trouble, ArtifactError::TooDeep { depth_max: DEPTH_MAX }));
        }
        Ok(Self { depth: self.depth + 1, wanted, ..self })
    }
}

impl<'a> DeserializeSeed<'a> for Seed<'_> {
    type Value = Value<'a>;

    fn deserialize<D: de::Deserializer<'a>>(self, deserializer: D) -> Result<Value<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Seed<'_> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'a>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'a>, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'a>, E> {
        Ok(Value::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'a>, E> {
        Ok(Value::Real(value))
    }

    fn visit_borrowed_str<E>(self, value: &'a str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Value<'a>, A::Error> {
        let inner = self.deeper(self.wanted)?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Value<'a>, A::Error> {
        let inner = self.deeper(None)?;
        let mut object = Vec::new();
        while let Some(name) = members.next_key_seed(Name)? {
            if self.wanted.is_none_or(|wanted| wanted(&name)) {
                object.push((name, members.next_value_seed(inner)?));
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        object.sort_by(|(a, _), (b, _)| a.cmp(b));
        if object.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(stop(self.trouble, ArtifactError::DuplicateMember { place: Place::section("") }));
        }
        Ok(Value::Object(Object(object)))
    }
}

/// A member's name, borrowed where it holds no escape.
pub(crate) struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: de::Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
