//! The one byte form under every digest of this crate.
//!
//! A JSON value has many spellings; a digest needs one. The form is bencode (BEP 3) with four additions, chosen over
//! canonical JSON because nothing is escaped, every text is preceded by its length, and thirty lines in any language
//! write it:
//!
//! | value | bytes |
//! |---|---|
//! | null, true, false | `n`, `t`, `f` |
//! | integer from −2⁶³ to 2⁶⁴−1 written without fraction and exponent | `i` decimal `e` |
//! | any other number | `r`, the IEEE 754 binary64 bits as 16 lower-case hex digits, `e` |
//! | text | byte length in UTF-8, `:`, the UTF-8 bytes |
//! | list | `l`, the elements, `e` |
//! | object | `d`, the members sorted by the UTF-8 bytes of their names (name as text, then value), `e` |
//!
//! Members whose value is `n`, `le` or `de` are left out, inner objects first: a newer dbt adds fields with empty
//! defaults, and an empty field says the same as an absent one. Elements of lists are never left out.

use std::fmt;
use std::io::Write as _;

use clyra_evidence::digest::Sha256Digest;

use crate::artifact::value::{Object, Value};

/// Which members of nested objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All.
    All,
    /// All but documentation (and positions in source files) at any depth.
    Behaviour,
    /// Documentation only, with the objects on the way to it; list elements without any are left out.
    Documentation,
}

/// Names under which dbt keeps documentation.
fn is_documentation(name: &str) -> bool {
    matches!(name, "description" | "docs" | "meta" | "tags")
}

/// Names that tell where dbt found something, which is neither behaviour nor documentation.
fn is_provenance(name: &str) -> bool {
    matches!(name, "doc_blocks" | "metadata")
}

/// Collects the canonical bytes of one value.
#[derive(Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.format(format_args!("{}:", text.len()));
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// A digest as text: 64 lower-case hexadecimal digits.
    pub(crate) fn digest_text(&mut self, digest: Sha256Digest) {
        self.format(format_args!("64:{digest}"));
    }

    fn format(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.bytes.write_fmt(text);
    }

    pub(crate) fn begin_list(&mut self) {
        self.bytes.push(b'l');
    }

    /// The caller writes names in the order of their bytes.
    pub(crate) fn begin_object(&mut self) {
        self.bytes.push(b'd');
    }

    pub(crate) fn end(&mut self) {
        self.bytes.push(b'e');
    }

    /// One member, unless it turns out empty.
    pub(crate) fn member(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.text(name);
        let value = self.bytes.len();
        write(self);
        if is_empty(&self.bytes[value..]) {
            self.bytes.truncate(start);
        }
    }

    pub(crate) fn texts(&mut self, texts: &[String]) {
        self.begin_list();
        for text in texts {
            self.text(text);
        }
        self.end();
    }

    pub(crate) fn value(&mut self, value: &Value<'_>, keep: Keep) {
        match value {
            Value::Null => self.bytes.push(b'n'),
            Value::Bool(true) => self.bytes.push(b't'),
            Value::Bool(false) => self.bytes.push(b'f'),
            Value::Int(number) => self.format(format_args!("i{number}e")),
            Value::UInt(number) => self.format(format_args!("i{number}e")),
            Value::Real(number) => self.bytes.extend_from_slice(format!("r{:016x}e", number.to_bits()).as_bytes()),
            Value::Text(text) => self.text(text),
            Value::List(values) => self.list(values, keep),
            Value::Object(object) => self.object(object, keep, |_| true),
        }
    }

    /// An object, without the members that `wanted` refuses at this level.
    pub(crate) fn object(&mut self, object: &Object<'_>, keep: Keep, wanted: impl Fn(&str) -> bool) {
        self.begin_object();
        for (name, value) in object.iter().filter(|(name, _)| wanted(name)) {
            let inner = match keep {
                Keep::All => Keep::All,
                _ if is_provenance(name) => continue,
                Keep::Behaviour if is_documentation(name) => continue,
                Keep::Documentation if is_documentation(name) => Keep::All,
                Keep::Documentation if !matches!(value, Value::List(_) | Value::Object(_)) => continue,
                Keep::Behaviour | Keep::Documentation => keep,
            };
            self.member(name, |encoder| encoder.value(value, inner));
        }
        self.end();
    }

    fn list(&mut self, values: &[Value<'_>], keep: Keep) {
        self.begin_list();
        for value in values {
            if keep == Keep::Documentation && !matches!(value, Value::List(_) | Value::Object(_)) {
                continue;
            }
            let start = self.bytes.len();
            self.value(value, keep);
            if keep == Keep::Documentation && is_empty(&self.bytes[start..]) {
                self.bytes.truncate(start);
            }
        }
        self.end();
    }

    /// The bytes so far.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest; `None` when the value written is empty.
    pub(crate) fn digest_unless_empty(self) -> Option<Sha256Digest> {
        (!self.bytes.is_empty() && !is_empty(&self.bytes)).then(|| Sha256Digest::of(&self.bytes))
    }

    pub(crate) fn digest(self) -> Sha256Digest {
        Sha256Digest::of(&self.bytes)
    }
}

fn is_empty(bytes: &[u8]) -> bool {
    matches!(bytes, b"n" | b"le" | b"de")
}

/// The digest of one value; `None` when it is empty.
pub(crate) fn digest_of(value: &Value<'_>, keep: Keep) -> Option<Sha256Digest> {
    let mut encoder = Encoder::new();
    encoder.value(value, keep);
    encoder.digest_unless_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, keep: Keep, expected: &str) {
        let value: Value<'_> = Value::from_json_for_tests(json);
        let mut encoder = Encoder::new();
        encoder.value(&value, keep);
        assert_eq!(String::from_utf8_lossy(encoder.bytes()), expected, "{json}");
    }

    #[test]
    fn writes_one_form() {
        check(r#"{"b":[1,null,-2],"a":"é\n","c":{}}"#, Keep::All, "d1:a3:é\n1:bli1eni-2eee");
        check(r#"{"x":{"y":{"z":[]}},"t":true,"f":false,"s":""}"#, Keep::All, "d1:ff1:s0:1:tte");
        check("18446744073709551615", Keep::All, "i18446744073709551615e");
        check("[1.0, 1e0, -0.5]", Keep::All, "lr3ff0000000000000er3ff0000000000000erbfe0000000000000ee");
    }

    #[test]
    fn separates_documentation_from_behaviour() {
        let json = r#"{"id":{"data_type":"int","description":"Key","tags":["pii"],"config":{"meta":{"a":1}}},"n":{"name":"n"}}"#;
        check(json, Keep::Behaviour, "d2:idd9:data_type3:inte1:nd4:name1:nee");
        check(json, Keep::Documentation, "d2:idd6:configd4:metad1:ai1eee11:description3:Key4:tagsl3:piieee");
        check(r#"[{"name":"a"},{"description":"b"},"c"]"#, Keep::Documentation, "ld11:description1:bee");
    }
}
