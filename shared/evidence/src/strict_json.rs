//! JSON from outside, read strictly: a document that two readers could understand differently is refused.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Deepest nesting that is read: far beyond what any sender uses, far below what could exhaust the stack.
pub const DEPTH_MAX: usize = 64;

/// The bytes are not JSON (RFC 8259) in UTF-8 with unique member names nested at most [`DEPTH_MAX`] deep.
#[derive(Debug, thiserror::Error)]
#[error("not strict JSON")]
pub struct StrictJsonError(#[source] serde_json::Error);

/// Reads one document.
///
/// # Errors
/// When it is not JSON, not UTF-8, has a duplicate member, is nested too deep, or something follows it.
pub fn parse(bytes: &[u8]) -> Result<Value, StrictJsonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(StrictJsonError)?;
    reader.end().map_err(StrictJsonError)?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom("duplicate member"));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_json_and_refuses_what_is_ambiguous() {
        assert_eq!(parse(br#" {"a":[1,"b",null,true,1.5]} "#).unwrap().to_string(), r#"{"a":[1,"b",null,true,1.5]}"#);
        let deep = |n: usize| [b"[".repeat(n), b"]".repeat(n)].concat();
        assert!(parse(&deep(DEPTH_MAX)).is_ok());
        for bad in [&b""[..], b"{}x", br#"{"a":1,"a":1}"#, br#"{"a":1,"\u0061":1}"#, b"\xff", b"\"\xff\"", b"NaN"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&deep(DEPTH_MAX + 1)).is_err());
        assert!(parse(&b"[".repeat(5_000_000)).is_err());
    }
}
