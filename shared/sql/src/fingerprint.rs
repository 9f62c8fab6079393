//! The digest of what a text says to a warehouse, however it is laid out.

use clyra_evidence::digest::Sha256Digest;

use crate::dialect::{Dialect, Rules};
use crate::keyword::keyword;
use crate::lexer::{Gap, Kind, Lexer, Skipped, Token};
use crate::{MAX_TEXT_BYTES, Unread};

/// The first line under every fingerprint.
pub const FINGERPRINT_LABEL: &str = "clyra/sql-fingerprint/v0";

/// The fingerprint of a text: two texts of one dialect that have the same mean the same to the warehouse.
///
/// White space and comments do not count, nor does the case of keywords; everything else does: names, literals, order,
/// hints to the optimizer. Where a dialect or a setting leaves it open whether a difference matters, it counts.
///
/// The bytes under the digest are the label, a line feed, the dialect's name, a line feed, and then each token:
///
/// | part | bytes |
/// |---|---|
/// | how it follows the token before | `t`; `j` where it is joined to it and that can matter; `n` where a line's end between two strings makes them one |
/// | its length | the number of bytes, in decimal, and `:` |
/// | the token | its bytes in UTF-8 as they stand; a keyword in upper case |
///
/// # Errors
///
/// [`Unread`] with the reason, where the text cannot be told apart into tokens.
pub fn fingerprint(sql: &str, dialect: Dialect) -> Result<Sha256Digest, Unread> {
    let mut bytes = Vec::with_capacity(64 + sql.len() + sql.len() / 2);
    write(sql, dialect, &mut bytes)?;
    Ok(Sha256Digest::of(&bytes))
}

fn write(sql: &str, dialect: Dialect, out: &mut Vec<u8>) -> Result<(), Unread> {
    if sql.len() > MAX_TEXT_BYTES {
        return Err(Unread::TooLong);
    }
    if has_template(sql, dialect) {
        return Err(Unread::Template);
    }
    Writer::begin(FINGERPRINT_LABEL, dialect, out).text(sql, false)?;
    Ok(())
}

/// Jinja anywhere, in strings and comments too, since it is replaced before there are any; and Spark's `${…}`.
pub(crate) fn has_template(sql: &str, dialect: Dialect) -> bool {
    let bytes = sql.as_bytes();
    sql.match_indices('{').any(|(at, _)| {
        matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#'))
            || dialect == Dialect::Databricks && at > 0 && bytes[at - 1] == b'$'
    })
}

/// Writes the bytes under a fingerprint.
pub(crate) struct Writer<'a, 'o> {
    out: &'o mut Vec<u8>,
    dialect: Dialect,
    rules: &'static Rules,
    previous: Option<Token<'a>>,
    cases: Cases,
    tag: Since,
}

/// How far the last tag of a template is away. What it becomes may be half a line, so layout counts up to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Tag,
    TagOnThisLine,
    Nothing,
}

impl<'a, 'o> Writer<'a, 'o> {
    pub(crate) fn begin(label: &str, dialect: Dialect, out: &'o mut Vec<u8>) -> Self {
        for line in [label, dialect.name()] {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        let (rules, cases) = (dialect.rules(), Cases::default());
        Self { out, dialect, rules, previous: None, cases, tag: Since::Nothing }
    }

    /// Writes a text's tokens, and answers what stands behind the last one. `ends_at_tag`: a tag follows the text.
    pub(crate) fn text(&mut self, sql: &'a str, ends_at_tag: bool) -> Result<Skipped, Unread> {
        let mut lexer = Lexer::new(sql, self.rules);
        let mut current = lexer.next()?;
        while let Some(token) = current {
            let next = lexer.next()?;
            let sticks = ends_at_tag && next.is_none() && lexer.skipped().gap == Gap::Joined;
            self.token(token, next, sticks)?;
            current = next;
        }
        Ok(lexer.skipped())
    }

    /// Writes a tag as it stands.
    pub(crate) fn tag(&mut self, tag: &str, gap: Gap) {
        self.out.push(b'T');
        self.out.push(mark(gap));
        write_length(tag.len(), self.out);
        self.out.extend_from_slice(tag.as_bytes());
        (self.previous, self.tag) = (None, Since::Tag);
    }

    fn token(&mut self, token: Token<'a>, next: Option<Token<'a>>, sticks_to_tag: bool) -> Result<(), Unread> {
        let sticks = sticks_to_tag || self.tag == Since::Tag && token.gap == Gap::Joined;
        let folded = if token.kind == Kind::Word && !sticks { self.word(token, next)? } else { None };
        match self.tag {
            Since::Nothing => {}
            Since::Tag => self.out.push(mark(token.gap)),
            Since::TagOnThisLine if token.gap == Gap::Line => self.out.push(mark(Gap::Line)),
            Since::TagOnThisLine => {}
        }
        if self.tag != Since::Nothing {
            self.tag = if token.gap == Gap::Line { Since::Nothing } else { Since::TagOnThisLine };
        }
        if self.dialect == Dialect::Databricks {
            self.cases.pass(token);
        }
        self.out.push(self.follows(token, next));
        let text = folded.map_or(token.text, str::as_bytes);
        write_length(text.len(), self.out);
        self.out.extend_from_slice(text);
        self.previous = Some(token);
        Ok(())
    }

    /// How a token follows the one before, where that can matter.
    fn follows(&self, token: Token<'a>, next: Option<Token<'a>>) -> u8 {
        let Some(previous) = self.previous else { return b't' };
        let strings = previous.kind == Kind::Quoted && token.kind == Kind::Quoted;
        match token.gap {
            Gap::Line if strings => b'n',
            Gap::Space | Gap::Line => b't',
            Gap::Joined => {
                let sticks = |kind| matches!(kind, Kind::Word | Kind::Quoted | Kind::Number);
                let mark = matches!(previous.text.last(), Some(b'@' | b'$' | b'#' | b'?')) || previous.is(b":");
                let dash = self.rules.dashed_names
                    && token.is(b"-")
                    && sticks(previous.kind)
                    && next.is_some_and(|next| next.gap == Gap::Joined && sticks(next.kind));
                let number = token.kind == Kind::Number && token.text[0] == b'.';
                let colons = previous.is(b"::") && token.text[0] == b':';
                let words = sticks(previous.kind) && sticks(token.kind);
                if words || previous.kind == Kind::Sign && mark || dash || number || colons { b'j' } else { b't' }
            }
        }
    }

    /// The upper-case form of a word that is a keyword where it stands.
    fn word(&self, token: Token<'a>, next: Option<Token<'a>>) -> Result<Option<&'static str>, Unread> {
        if self.is_command(token) {
            return Err(Unread::Command);
        }
        let Some((upper, reserved)) = keyword(token.text, self.dialect) else { return Ok(None) };
        let is_name = self.previous.is_some_and(|previous| {
            previous.kind == Kind::Sign && matches!(previous.text.last(), Some(b'.' | b':' | b'@' | b'$' | b'#'))
        }) || next.is_some_and(|next| {
            next.kind == Kind::Sign && (next.text[0] == b'.' || matches!(next.text, b":" | b":=" | b"=>"))
        });
        let folds = !is_name
            && (reserved || self.is_phrase(upper, next))
            && (!self.rules.keywords_name_columns || !self.may_be_alias(upper, next));
        Ok(folds.then_some(upper))
    }

    /// Words that are keywords by their neighbours, where the dialect reserves none of them.
    fn is_phrase(&self, upper: &str, next: Option<Token<'a>>) -> bool {
        let after = |words: &[&str]| self.previous.is_some_and(|token| words.iter().any(|word| token.is_word(word)));
        let before = |word| next.is_some_and(|token| token.is_word(word));
        match upper {
            "BY" => after(&["GROUP", "ORDER", "PARTITION", "CLUSTER", "DISTRIBUTE", "SORT"]),
            "PARTITION" | "CLUSTER" | "DISTRIBUTE" | "SORT" => before("BY"),
            "OVER" => self.previous.is_some_and(|token| token.is(b")")) && next.is_some_and(|token| token.is(b"(")),
            "LIMIT" => next.is_some_and(|token| token.kind == Kind::Number),
            "ROWS" | "RANGE" => before("BETWEEN"),
            "EXISTS" => next.is_some_and(|token| token.is(b"(")),
            "BETWEEN" => self.previous.is_some_and(|token| self.ends_operand(token)),
            _ => false,
        }
    }

    /// Where results keep the spelling of a name, a keyword may be one: behind `AS`, and in Spark, which reserves
    /// nothing, where an alias or a column can end an item of a list.
    fn may_be_alias(&self, upper: &str, next: Option<Token<'a>>) -> bool {
        if self.previous.is_some_and(|previous| previous.is_word("AS")) {
            return true;
        }
        if self.dialect != Dialect::Databricks || !next.is_none_or(ends_an_item) {
            return false;
        }
        match upper {
            "END" => !self.cases.is_open(),
            "NULL" | "TRUE" | "FALSE" => self.previous.is_some_and(|previous| self.ends_operand(previous)),
            _ => true,
        }
    }

    /// Whether an expression can end with `token`.
    fn ends_operand(&self, token: Token<'a>) -> bool {
        match token.kind {
            Kind::Word => keyword(token.text, self.dialect).is_none_or(|(upper, reserved)| !reserved || upper == "END"),
            Kind::Quoted | Kind::Number => true,
            Kind::Sign => matches!(token.text, b")" | b"]" | b"}" | b"*"),
            Kind::Hint => false,
        }
    }

    /// Commands whose operand is not made of tokens.
    fn is_command(&self, token: Token<'a>) -> bool {
        let any = |words: &[&str]| words.iter().any(|word| token.is_word(word));
        let begins = self.previous.is_none_or(|previous| previous.is(b";"));
        self.rules.raw_commands && begins && any(&["SET", "RESET", "ADD", "LIST", "DFS"])
            || self.rules.stdin && any(&["STDIN"])
    }
}

/// Whether an item of a list ends before `token`.
fn ends_an_item(token: Token<'_>) -> bool {
    const CLAUSES: [&str; 14] = [
        "FROM",
        "UNION",
        "EXCEPT",
        "MINUS",
        "INTERSECT",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "QUALIFY",
        "WINDOW",
        "CLUSTER",
        "LATERAL",
    ];
    [b",", b")", b";"].iter().any(|sign| token.is(*sign)) || CLAUSES.iter().any(|word| token.is_word(word))
}

/// Whether a `CASE` is open between the innermost brackets.
#[derive(Default)]
struct Cases {
    open: u32,
    outer: Vec<u32>,
}

impl Cases {
    fn pass(&mut self, token: Token<'_>) {
        if token.is(b"(") {
            self.outer.push(self.open);
            self.open = 0;
        } else if token.is(b")") {
            self.open = self.outer.pop().unwrap_or(0);
        } else if token.is_word("CASE") {
            self.open = self.open.saturating_add(1);
        } else if token.is_word("END") {
            self.open = self.open.saturating_sub(1);
        }
    }

    const fn is_open(&self) -> bool {
        self.open > 0
    }
}

/// What stands between a tag and its neighbours, or the end of its line.
const fn mark(gap: Gap) -> u8 {
    match gap {
        Gap::Joined => b'x',
        Gap::Space => b's',
        Gap::Line => b'l',
    }
}

/// `length` in decimal, and a colon.
fn write_length(mut length: usize, out: &mut Vec<u8>) {
    let mut digits = [b':'; 21];
    let mut at = 20;
    loop {
        at -= 1;
        digits[at] = b'0' + (length % 10) as u8;
        length /= 10;
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
