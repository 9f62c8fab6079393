//! Jinja in a hook: what is known to become a name is read as one.

use std::borrow::Cow;

use crate::Unread;

/// Stands for a name that a template becomes.
const NAME: &str = "jinja_name";

/// `sql` with a plain name for every template that becomes one, and without Jinja's comments.
pub(super) fn names_for_templates(sql: &str) -> Result<Cow<'_, str>, Unread> {
    let Some(first) = opening(sql) else { return Ok(Cow::Borrowed(sql)) };
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    let mut next = Some(first);
    while let Some(at) = next {
        text.push_str(&rest[..at]);
        let (opening, behind) = rest[at..].split_at(2);
        let closing = match opening {
            "{{" => "}}",
            "{#" => "#}",
            _ => return Err(Unread::Template),
        };
        let end = behind.find(closing).ok_or(Unread::Template)?;
        if opening == "{#" {
            text.push(' ');
        } else if is_name(behind[..end].trim_matches('-').trim()) {
            text.push_str(NAME);
        } else {
            return Err(Unread::Template);
        }
        rest = &behind[end + 2..];
        next = self::opening(rest);
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

fn opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    text.match_indices('{').map(|(at, _)| at).find(|at| matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// `this`, `target.x`, `ref('a')` and `source('a', 'b')`, and what is reached from them by dots.
fn is_name(expression: &str) -> bool {
    let (call, path) = match expression.split_once(')') {
        Some((call, path)) => (Some(call), path),
        None => (None, expression),
    };
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match call {
        Some(call) => {
            let Some((function, arguments)) = call.split_once('(') else { return false };
            matches!(function.trim(), "ref" | "source")
                && arguments.split(',').all(|argument| {
                    let argument = argument.trim();
                    let quoted = |mark| argument.strip_prefix(mark).and_then(|text: &str| text.strip_suffix(mark));
                    quoted('\'').or_else(|| quoted('"')).is_some_and(word)
                })
                && (path.is_empty() || path.strip_prefix('.').is_some_and(|path| path.split('.').all(word)))
        }
        None => {
            let mut words = path.split('.');
            matches!(words.next(), Some("this" | "target")) && words.all(word)
        }
    }
}
