//! Text to tokens, without copying any of it. Where tokens begin and end is the dialect's; what they mean is not asked.
//!
//! One pass, no recursion: time and memory are linear in the text. White space is the four ASCII characters that
//! every dialect takes for it; any other control or non-ASCII character stays part of a token, so that it counts.

use crate::Unread;
use crate::dialect::{Has, Quote, Rules};

/// What a token is, as far as its first character says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a plain name.
    Word,
    /// A string, a quoted name or a dollar-quoted string. Its prefix (`r`, `E`) is the joined word before it.
    Quoted,
    /// A number, with whatever sticks to it.
    Number,
    /// An operator or a single sign.
    Sign,
    /// A comment that speaks to the optimizer: `/*+ … */`.
    Hint,
}

/// What stood between a token and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing.
    Joined,
    /// White space or a comment.
    Space,
    /// White space with a line's end outside of block comments.
    Line,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) gap: Gap,
    pub(crate) text: &'a [u8],
}

impl Token<'_> {
    pub(crate) fn is(&self, sign: &[u8]) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    rules: &'static Rules,
    previous: Previous,
    skipped: Skipped,
}

/// What stood before the token that was read last; once there is no more token, what stands at the end of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) gap: Gap,
    /// A line comment is in it: its line's end is meaning.
    pub(crate) line_comment: bool,
    /// A line comment goes on to the end of the text.
    pub(crate) is_open: bool,
}

/// What of the token before decides how the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Previous {
    Other,
    /// A word of one letter, at `at - 1`: it may be a string's prefix.
    Letter(u8),
    String {
        escaped: bool,
    },
    Colon,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, rules: &'static Rules) -> Self {
        let skipped = Skipped { gap: Gap::Joined, line_comment: false, is_open: false };
        Self { text: text.as_bytes(), at: 0, rules, previous: Previous::Other, skipped }
    }

    pub(crate) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The next token; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, Unread> {
        let gap = self.skip()?;
        let start = self.at;
        let Some(&first) = self.text.get(start) else { return Ok(None) };
        let kind = match CLASS[usize::from(first)] {
            Class::Word => self.word(),
            Class::Digit => self.number(),
            Class::Quote => self.quoted(first, gap)?,
            Class::Dollar => self.dollar()?,
            Class::Dot => self.dot(),
            Class::Operator => self.operator()?,
            Class::Space | Class::Sign => {
                self.at += 1;
                Kind::Sign
            }
        };
        let text = &self.text[start..self.at];
        self.previous = match (kind, text) {
            (Kind::Word, [letter]) => Previous::Letter(*letter),
            (Kind::Sign, [.., b':']) => Previous::Colon,
            (Kind::Quoted, _) => self.previous,
            _ => Previous::Other,
        };
        Ok(Some(Token { kind, gap, text }))
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Passes white space and comments.
    fn skip(&mut self) -> Result<Gap, Unread> {
        let mut gap = Gap::Joined;
        let mut line_comment = false;
        let mut is_open = false;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' => {
                    self.at += 1;
                    if gap == Gap::Joined {
                        gap = Gap::Space;
                    }
                }
                b'\n' | b'\r' => {
                    self.at += 1;
                    gap = Gap::Line;
                }
                b'-' | b'/' | b'#' => match self.comment_start() {
                    Some(Comment::Line) => {
                        self.line_comment()?;
                        gap = Gap::Line;
                        line_comment = true;
                        is_open = self.at == self.text.len();
                    }
                    Some(Comment::Block) => {
                        self.block_comment()?;
                        if gap == Gap::Joined {
                            gap = Gap::Space;
                        }
                    }
                    Some(Comment::Hint) | None => break,
                },
                _ => break,
            }
        }
        self.skipped = Skipped { gap, line_comment, is_open };
        Ok(gap)
    }

    fn comment_start(&self) -> Option<Comment> {
        match (self.peek(0), self.peek(1)) {
            (b'-', b'-') => Some(Comment::Line),
            (b'/', b'/') if self.rules.slash_comment => Some(Comment::Line),
            (b'#', _) if self.rules.hash_comment => Some(Comment::Line),
            (b'/', b'*') if self.peek(2) == b'+' => Some(Comment::Hint),
            (b'/', b'*') => Some(Comment::Block),
            _ => None,
        }
    }

    fn line_comment(&mut self) -> Result<(), Unread> {
        if self.previous == Previous::Colon && self.peek(0) == b'/' {
            return Err(Unread::Ambiguous); // file://path
        }
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let bare_return = rest.get(length) == Some(&b'\r') && rest.get(length + 1) != Some(&b'\n');
        let continued = self.rules.continued_comment && length > 0 && rest[length - 1] == b'\\';
        if continued || bare_return && self.rules.bare_return == Has::Unclear {
            return Err(Unread::Ambiguous);
        }
        self.at += length;
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Unread> {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') if depth == 0 || self.rules.nested_comments == Has::Yes => {
                    depth += 1;
                    self.at += 2;
                }
                (b'/', b'*') if self.rules.nested_comments == Has::Unclear => return Err(Unread::Ambiguous),
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ if self.at >= self.text.len() => return Err(Unread::Unterminated),
                _ => self.at += 1,
            }
        }
    }

    fn word(&mut self) -> Kind {
        self.run_of_word();
        Kind::Word
    }

    fn run_of_word(&mut self) {
        let dollar = self.rules.dollar_in_names;
        let more = |byte: &&u8| match CLASS[usize::from(**byte)] {
            Class::Word | Class::Digit => true,
            Class::Dollar => dollar,
            Class::Space | Class::Quote | Class::Dot | Class::Operator | Class::Sign => false,
        };
        self.at += self.text[self.at..].iter().take_while(more).count();
    }

    /// Digits and all that sticks to them: `1e-5`, `0x1F`, `1_000`, `2020_table`.
    fn number(&mut self) -> Kind {
        let start = self.at;
        loop {
            self.run_of_word();
            let exponent = matches!(self.text[self.at - 1], b'e' | b'E')
                && self.text[start..self.at - 1].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'_'));
            match self.peek(0) {
                b'.' if self.peek(1) != b'.' => self.at += 1,
                b'+' | b'-' if exponent && self.peek(1).is_ascii_digit() => self.at += 1,
                _ => return Kind::Number,
            }
        }
    }

    fn dot(&mut self) -> Kind {
        if self.peek(1).is_ascii_digit() {
            self.at += 1;
            return self.number();
        }
        self.at += self.text[self.at..].iter().take_while(|byte| **byte == b'.').count();
        Kind::Sign
    }

    /// A run of operator characters, cut as PostgreSQL cuts it: before a comment, and before a `+` or `-` at its end
    /// unless the operator has a character that only operators have. `=-1` is `=`, `-`, `1` in every dialect.
    fn operator(&mut self) -> Result<Kind, Unread> {
        let start = self.at;
        match (self.peek(0), self.peek(1)) {
            (b':', b':' | b'=') => {
                self.at += 2;
                return Ok(Kind::Sign);
            }
            (b':', _) => {
                self.at += 1;
                return Ok(Kind::Sign);
            }
            (b'@', next) if self.rules.stage_paths && !next.is_ascii_whitespace() => return self.stage_path(),
            (b'/', b'*') => return self.hint(),
            _ => {}
        }
        let mut own = false;
        while CLASS[usize::from(self.peek(0))] == Class::Operator && self.peek(0) != b':' {
            let path = self.peek(0) == b'@' && self.rules.stage_paths;
            if self.at > start && (path || self.comment_start().is_some()) {
                break;
            }
            own |= matches!(self.peek(0), b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'?');
            self.at += 1;
        }
        while !own && self.at - start > 1 && matches!(self.text[self.at - 1], b'+' | b'-') {
            self.at -= 1;
        }
        debug_assert!(self.at > start, "an operator has a character");
        Ok(Kind::Sign)
    }

    /// `@stage/path/file.csv`: to the next character that ends it in every clause.
    fn stage_path(&mut self) -> Result<Kind, Unread> {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b',' | b';');
        let rest = &self.text[self.at..];
        let path = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        if path.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'$')) {
            return Err(Unread::Ambiguous);
        }
        self.at += path.len();
        Ok(Kind::Word)
    }

    fn hint(&mut self) -> Result<Kind, Unread> {
        self.block_comment()?;
        Ok(Kind::Hint)
    }

    fn quoted(&mut self, mark: u8, gap: Gap) -> Result<Kind, Unread> {
        let prefix = match (self.previous, gap) {
            (Previous::Letter(letter), Gap::Joined) => letter.to_ascii_lowercase(),
            _ => 0,
        };
        let style = match mark {
            b'"' => self.rules.double_quote,
            b'`' => self.rules.backtick,
            _ => self.single_quote(prefix),
        };
        let before = self.previous;
        self.previous = Previous::Other;
        if style == Quote::Nothing {
            self.at += 1;
            return Ok(Kind::Sign);
        }
        let raw = self.rules.raw_strings && prefix == b'r' && mark != b'`';
        if self.rules.triple && mark != b'`' && self.peek(1) == mark && self.peek(2) == mark {
            self.pass_triple(mark)?;
            return Ok(Kind::Quoted);
        }
        let start = self.at;
        let unclear = mark == b'\'' && self.rules.backslash == Has::Unclear && style == Quote::Doubled;
        self.pass_mark(mark, if raw { Quote::Nothing } else { style }, unclear)?;
        if mark == b'\'' && self.rules.escape_strings {
            self.continued_string(start, before, prefix)?;
        }
        Ok(Kind::Quoted)
    }

    fn single_quote(&self, prefix: u8) -> Quote {
        let escapes = self.rules.backslash == Has::Yes || self.rules.escape_strings && prefix == b'e';
        match (escapes, self.rules.doubling) {
            (true, true) => Quote::Both,
            (true, false) => Quote::Escaped,
            (false, _) => Quote::Doubled,
        }
    }

    /// A string behind a string goes on with the rules of the first (`E'…'` or not): backslashes make that unclear.
    fn continued_string(&mut self, start: usize, before: Previous, prefix: u8) -> Result<(), Unread> {
        let backslash = self.text[start..self.at].contains(&b'\\');
        if backslash && matches!(before, Previous::String { .. }) || before == (Previous::String { escaped: true }) {
            return Err(Unread::Ambiguous);
        }
        self.previous = Previous::String { escaped: prefix == b'e' };
        Ok(())
    }

    /// From an opening mark to behind the closing one. `Quote::Nothing` knows neither doubling nor escapes.
    fn pass_mark(&mut self, mark: u8, style: Quote, unclear: bool) -> Result<(), Unread> {
        let escapes = matches!(style, Quote::Escaped | Quote::Both);
        let doubling = matches!(style, Quote::Doubled | Quote::Both);
        let mut at = self.at + 1;
        loop {
            match self.text.get(at) {
                None => return Err(Unread::Unterminated),
                Some(b'\\') if escapes => at += 2,
                Some(b'\\') if unclear => match self.text.get(at + 1) {
                    Some(next) if *next == mark => return Err(Unread::Ambiguous),
                    Some(b'\\') => at += 2,
                    _ => at += 1,
                },
                Some(byte) if *byte == mark => {
                    if doubling && self.text.get(at + 1) == Some(&mark) {
                        at += 2;
                        continue;
                    }
                    self.at = at + 1;
                    return Ok(());
                }
                Some(_) => at += 1,
            }
        }
    }

    fn pass_triple(&mut self, mark: u8) -> Result<(), Unread> {
        let mut at = self.at + 3;
        loop {
            match self.text.get(at..at + 3) {
                None => return Err(Unread::Unterminated),
                Some([b'\\', ..]) => at += 2,
                Some(three) if three == [mark; 3] => {
                    self.at = at + 3;
                    return Ok(());
                }
                Some(_) => at += 1,
            }
        }
    }

    /// `$$…$$`, `$tag$…$tag$`, or `$1` and `$name`.
    fn dollar(&mut self) -> Result<Kind, Unread> {
        let rest = &self.text[self.at..];
        let name = |byte: &&u8| CLASS[usize::from(**byte)] == Class::Word || byte.is_ascii_digit();
        let tag = if self.rules.dollar_tag { rest[1..].iter().take_while(name).count() } else { 0 };
        let quotes = self.rules.dollar
            && rest.get(1 + tag) == Some(&b'$')
            && !rest.get(1).is_some_and(|byte| byte.is_ascii_digit());
        if !quotes {
            self.at += 1;
            return Ok(Kind::Sign);
        }
        let (delimiter, body) = rest.split_at(tag + 2);
        let length = find(body, delimiter).ok_or(Unread::Unterminated)?;
        self.at += 2 * delimiter.len() + length;
        self.previous = Previous::Other;
        Ok(Kind::Quoted)
    }
}

/// Where `needle`, a `$tag$`, begins first. A tag has no `$` inside, so that a search from `$` to `$` is linear.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'$')?;
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

enum Comment {
    Line,
    Block,
    Hint,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    /// Letters, `_` and everything that is not ASCII.
    Word,
    Digit,
    Quote,
    Dollar,
    Dot,
    Operator,
    /// Stands alone: brackets, comma, semicolon, and characters that no dialect has.
    Sign,
}

const CLASS: [Class; 256] = {
    let mut table = [Class::Sign; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' => Class::Space,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'\'' | b'"' | b'`' => Class::Quote,
            b'$' => Class::Dollar,
            b'.' => Class::Dot,
            b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'?' | b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>'
            | b'=' | b':' => Class::Operator,
            _ => Class::Sign,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod against_sqlparser;
