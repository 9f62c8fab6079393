//! The string literals of Rust source: what a program may say.

/// A string literal, with the line on which it begins.
pub(crate) struct Literal {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// All string literals of `source`, raw ones included; comments and characters are passed over.
pub(crate) fn literals(source: &str) -> Vec<Literal> {
    let mut reader = Reader { rest: source, line: 1, found: Vec::new() };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.found
}

struct Reader<'source> {
    rest: &'source str,
    line: usize,
    found: Vec<Literal>,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(rest.find("*/").map_or(rest.len(), |end| end + 2));
        } else if rest.starts_with('"') {
            self.quoted();
        } else if let Some(hashes) = raw_hashes(rest) {
            self.raw(hashes);
        } else if rest.starts_with('\'') {
            self.skip(character(rest));
        } else {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').filter(|end| *end > 0);
            self.skip(word.unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8)));
        }
    }

    fn quoted(&mut self) {
        let body = &self.rest[1..];
        let mut escaped = false;
        let end = body.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.take(1, end.unwrap_or(body.len()), 1);
    }

    fn raw(&mut self, hashes: usize) {
        let closing = format!("\"{}", "#".repeat(hashes));
        let body = &self.rest[2 + hashes..];
        self.take(2 + hashes, body.find(&closing).unwrap_or(body.len()), closing.len());
    }

    fn take(&mut self, before: usize, length: usize, after: usize) {
        let text = self.rest[before..before + length].to_owned();
        self.found.push(Literal { line: self.line, text });
        self.skip((before + length + after).min(self.rest.len()));
    }

    fn skip(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }
}

/// How many `#` a raw string has that begins here.
fn raw_hashes(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a character literal, or of the tick of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 3),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

#[test]
fn literals_are_found() {
    let source = r##"// "no"
fn f<'a>(x: &'a str) { /* "no" */ g('"', '\'', "a \" b", r#"c " d"#, b"e");
  g("f") }"##;
    let found: Vec<(usize, String)> = literals(source).into_iter().map(|l| (l.line, l.text)).collect();
    let expected = [(2, "a \\\" b"), (2, "c \" d"), (2, "e"), (3, "f")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}
