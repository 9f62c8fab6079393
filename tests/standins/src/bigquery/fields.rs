//! Partial responses: `fields=a,b(c,d)` (<https://cloud.google.com/bigquery/docs/api-performance#partial-response>).

use serde_json::{Map, Value};

/// The part of an object that a selection names; `None` where the selection cannot be read.
pub(super) fn select(value: &Value, fields: &str) -> Option<Value> {
    let mut part = Map::new();
    for field in split(fields)? {
        let (name, inner) = match field.split_once('(') {
            Some((name, inner)) => (name, Some(inner.strip_suffix(')')?)),
            None => (field.as_str(), None),
        };
        if name.is_empty() || name.contains(')') {
            return None;
        }
        match (value.get(name), inner) {
            (None, _) => {}
            (Some(value), None) => drop(part.insert(name.to_owned(), value.clone())),
            (Some(value), Some(inner)) => drop(part.insert(name.to_owned(), select(value, inner)?)),
        }
    }
    Some(Value::Object(part))
}

/// Cuts at commas outside of parentheses.
fn split(fields: &str) -> Option<Vec<String>> {
    let (mut depth, mut parts) = (0_i32, vec![String::new()]);
    for letter in fields.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut()?.push(letter);
    }
    (depth == 0).then_some(parts)
}
