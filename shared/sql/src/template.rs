//! The digest of what a model's source says, Jinja and all, however its SQL is laid out.

use clyra_evidence::digest::Sha256Digest;

use crate::dialect::Dialect;
use crate::fingerprint::Writer;
use crate::{MAX_TEXT_BYTES, Unread};

/// The first line under every fingerprint of a template.
pub const TEMPLATE_FINGERPRINT_LABEL: &str = "clyra/sql-template-fingerprint/v0";

/// The fingerprint of a dbt source text: two texts of one dialect that have the same compile to SQL that means the same,
/// whichever way their conditions go.
///
/// A compiled statement cannot say that: it shows one branch of every `{% if is_incremental() %}`. So the source is read:
/// its SQL as by [`crate::fingerprint`], its tags (`{{ … }}`, `{% … %}`) byte by byte, its comments (`{# … #}`) not at all. It is
/// taken that an expression becomes whole tokens or the rest of a line, not half a string.
///
/// The bytes under the digest are those of [`crate::fingerprint`] under a label of their own, and for a tag `T`, how it
/// follows (`x` joined, `s` by space, `l` on a new line), its length in decimal, `:` and its bytes. The token behind a tag has
/// that letter, too, and so has the first one behind the end of its line (`l`).
///
/// # Errors
///
/// [`Unread`] with the reason: what [`crate::fingerprint`] refuses, and [`Unread::Template`] where a tag stands in a string
/// or a comment, or makes a text of what it encloses (`{% set x %} … {% endset %}`, `call`, `filter`, `macro`, `raw`).
pub fn template_fingerprint(source: &str, dialect: Dialect) -> Result<Sha256Digest, Unread> {
    if source.len() > MAX_TEXT_BYTES {
        return Err(Unread::TooLong);
    }
    let parts = parts(source)?;
    let mut bytes = Vec::with_capacity(64 + source.len() + source.len() / 2);
    let mut writer = Writer::begin(TEMPLATE_FINGERPRINT_LABEL, dialect, &mut bytes);
    for part in &parts {
        let before = writer.text(&part.sql, part.tag.is_some())?;
        if let Some(tag) = part.tag {
            let trims_a_line = before.line_comment && tag.as_bytes().get(2) == Some(&b'-');
            if before.is_open || trims_a_line {
                return Err(Unread::Template);
            }
            writer.tag(tag, before.gap);
        }
    }
    Ok(Sha256Digest::of(&bytes))
}

/// SQL, and the tag that ends it; the last part ends with the text.
struct Part<'a> {
    sql: String,
    tag: Option<&'a str>,
}

fn parts(source: &str) -> Result<Vec<Part<'_>>, Unread> {
    let mut parts = Vec::new();
    let mut sql = String::new();
    let mut rest = source;
    while let Some((at, opening)) = opening(rest) {
        sql.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if opening == b'#' { comment(rest)? } else { tag(rest, opening)? };
        if opening != b'#' {
            parts.push(Part { sql: std::mem::take(&mut sql), tag: Some(&rest[..length]) });
        }
        rest = &rest[length..];
    }
    sql.push_str(rest);
    parts.push(Part { sql, tag: None });
    Ok(parts)
}

/// Where the next `{{`, `{%` or `{#` is, and its second character.
fn opening(text: &str) -> Option<(usize, u8)> {
    text.match_indices('{').find_map(|(at, _)| {
        let second = *text.as_bytes().get(at + 1)?;
        matches!(second, b'{' | b'%' | b'#').then_some((at, second))
    })
}

/// The length of a comment. One that trims what is around it can join lines.
fn comment(text: &str) -> Result<usize, Unread> {
    let end = text[2..].find("#}").ok_or(Unread::Unterminated)? + 2;
    let trims = text.as_bytes()[2] == b'-' || text.as_bytes()[end - 1] == b'-';
    if trims { Err(Unread::Template) } else { Ok(end + 2) }
}

/// The length of a tag: to its closing mark outside of strings and brackets, as Jinja's lexer finds it.
fn tag(text: &str, opening: u8) -> Result<usize, Unread> {
    let closing = if opening == b'{' { b'}' } else { b'%' };
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (2, 0_usize);
    loop {
        match *bytes.get(at).ok_or(Unread::Unterminated)? {
            byte if depth == 0 && byte == closing && bytes.get(at + 1) == Some(&b'}') => break,
            quote @ (b'\'' | b'"') => at = string(bytes, at, quote)?,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.checked_sub(1).ok_or(Unread::Template)?,
            _ => {}
        }
        at += 1;
    }
    if opening == b'%' && !leaves_text_alone(&text[2..at]) {
        return Err(Unread::Template);
    }
    Ok(at + 2)
}

/// The place of a string's closing mark.
fn string(bytes: &[u8], opened_at: usize, quote: u8) -> Result<usize, Unread> {
    let mut at = opened_at + 1;
    loop {
        match *bytes.get(at).ok_or(Unread::Unterminated)? {
            b'\\' => at += 1,
            byte if byte == quote => return Ok(at),
            _ => {}
        }
        at += 1;
    }
}

/// Statements that choose or repeat what they enclose, or enclose nothing. All others make a text of it, whose layout may
/// be meaning.
fn leaves_text_alone(statement: &str) -> bool {
    let statement = statement.trim_start_matches(['-', '+']).trim_start();
    let word = statement.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').next();
    match word.unwrap_or_default() {
        "if" | "elif" | "else" | "endif" | "for" | "endfor" | "do" | "import" | "from" => true,
        "set" => {
            let name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | ',' | ' ');
            statement["set".len()..].trim_start_matches(name).starts_with('=')
        }
        _ => false,
    }
}
