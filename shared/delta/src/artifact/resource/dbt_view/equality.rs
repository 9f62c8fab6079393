//! Bytes that are equal exactly where Python's `==` is, for the values of JSON.

use std::io::Write as _;

use clyra_evidence::digest::Sha256Digest;

use crate::artifact::value::{Object, Value};

/// Collects the bytes of several values. Unlike [`crate::canonical`], an empty value is not an absent one, and
/// `1`, `1.0` and `true` are one number.
#[derive(Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn digest_unless_empty(&self) -> Option<Sha256Digest> {
        (!self.0.is_empty()).then(|| Sha256Digest::of(&self.0))
    }

    pub(super) fn text(&mut self, text: &str) {
        self.format(format_args!("{}:", text.len()));
        self.0.extend_from_slice(text.as_bytes());
    }

    fn format(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.0.write_fmt(text);
    }

    pub(super) fn member(&mut self, name: &str, value: &Value<'_>) {
        self.text(name);
        self.value(value);
    }

    /// The named members of an object, those apart that are null or absent.
    pub(super) fn members(&mut self, object: &Object<'_>, names: &[&str]) {
        for name in names {
            if let Some(value) = object.get(name) {
                self.member(name, value);
            }
        }
    }

    /// All members of an object but nulls.
    pub(super) fn without_nulls(&mut self, object: &Object<'_>) {
        for (name, value) in object.iter().filter(|(_, value)| !matches!(value, Value::Null)) {
            self.member(name, value);
        }
    }

    /// The named members, as objects of classes whose fields are null or false where nothing is written.
    pub(super) fn defaulted(&mut self, object: &Object<'_>, names: &[&str]) {
        for name in names {
            if let Some(value) = object.get(name) {
                self.text(name);
                self.instance(value);
            }
        }
    }

    /// `warn_after` or `error_after`: absent it is a threshold without numbers, null it is none.
    pub(super) fn threshold(&mut self, freshness: &Object<'_>, name: &str) {
        if freshness.has(name) && freshness.get(name).is_none() {
            return;
        }
        self.text(name);
        if let Some(threshold) = freshness.get(name).and_then(Value::as_object) {
            self.without_nulls(threshold);
        }
    }

    fn instance(&mut self, value: &Value<'_>) {
        match value {
            Value::List(values) => {
                self.0.push(b'l');
                for value in values {
                    self.instance(value);
                }
                self.0.push(b'e');
            }
            Value::Object(object) => {
                self.0.push(b'd');
                let is_default = |value: &Value<'_>| matches!(value, Value::Null | Value::Bool(false));
                for (name, value) in object.iter().filter(|(_, value)| !is_default(value)) {
                    self.text(name);
                    // In there are anybody's own names and values.
                    if name == "meta" { self.value(value) } else { self.instance(value) }
                }
                self.0.push(b'e');
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Real(_) | Value::Text(_) => {
                self.value(value);
            }
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.0.push(b'n'),
            Value::Bool(value) => self.format(format_args!("i{}e", i32::from(*value))),
            Value::Int(number) => self.format(format_args!("i{number}e")),
            Value::UInt(number) => self.format(format_args!("i{number}e")),
            Value::Real(number) => self.real(*number),
            Value::Text(text) => self.text(text),
            Value::List(values) => {
                self.0.push(b'l');
                for value in values {
                    self.value(value);
                }
                self.0.push(b'e');
            }
            Value::Object(object) => {
                self.0.push(b'd');
                for (name, value) in object.iter() {
                    self.member(name, value);
                }
                self.0.push(b'e');
            }
        }
    }

    fn real(&mut self, number: f64) {
        /// Below this, a whole number as i128 is exact.
        const WHOLE_MAX: f64 = 1e38;
        if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
            self.format(format_args!("i{}e", number as i128));
        } else {
            self.format(format_args!("r{:016x}e", number.to_bits()));
        }
    }
}

/// What Python takes for true.
pub(super) fn is_true(value: &Value<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(number) => *number != 0,
        Value::UInt(number) => *number != 0,
        Value::Real(number) => *number != 0.0,
        Value::Text(text) => !text.is_empty(),
        Value::List(values) => !values.is_empty(),
        Value::Object(object) => object.iter().next().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(json: &str) -> String {
        let mut bytes = Bytes::default();
        bytes.value(&Value::from_json_for_tests(json));
        String::from_utf8(bytes.0).unwrap()
    }

    #[test]
    fn equal_where_python_is() {
        for (one, other) in
            [("1", "1.0"), ("true", "1"), ("false", "0"), ("-0.0", "0"), (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":true}"#)]
        {
            assert_eq!(bytes(one), bytes(other), "{one} == {other}");
        }
        for (one, other) in [
            ("1", r#""1""#),
            ("null", "{}"),
            ("[]", "{}"),
            (r#"{"a":null}"#, "{}"),
            ("[1,2]", "[2,1]"),
            ("2.5", "2"),
            ("null", "false"),
        ] {
            assert_ne!(bytes(one), bytes(other), "{one} != {other}");
        }
    }
}
