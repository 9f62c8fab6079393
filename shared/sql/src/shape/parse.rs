//! A text to a syntax tree of bounded depth.
//!
//! sqlparser guards its recursion, but not the depth of trees that it builds in a loop: `1 + 1 + …` is as deep as it is
//! long, and to drop it takes as much stack. Our own lexer therefore counts first. It also checks that sqlparser sees the
//! same words: where the two disagree about what is a string, there is no reading.

use sqlparser::ast::Query;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token as Parsed, Tokenizer};

use crate::dialect::Dialect;
use crate::fingerprint::has_template;
use crate::lexer::{Gap, Kind, Lexer, Token};
use crate::{MAX_TEXT_BYTES, Unread};

/// Brackets and operands within each other, as sqlparser counts them.
const MAX_NESTING: usize = 50;

/// Subqueries, and brackets in brackets, within each other. Each takes some forty kilobytes of stack.
const MAX_SUBQUERIES: usize = 12;

/// Operators and set operations in a row, which nest as deeply: conditions of some hundred terms occur.
const MAX_CHAIN: usize = 512;

/// What `(a, b) ->` counts for: sqlparser reads what follows twice, so that a few in each other are too many.
const LAMBDA: usize = MAX_CHAIN / 8;

/// What a `JOIN` counts for until its `ON`: sqlparser takes the joins between for one operand, without its guard.
const OPEN_JOIN: usize = MAX_CHAIN / 64;

/// Words that begin what is read as a query.
const QUERIES: &[&str] = &["SELECT", "WITH", "FROM", "VALUES", "TABLE"];

/// Words that nest what stands before them.
const INFIX: &[&str] = &[
    "AND", "OR", "XOR", "NOT", "IS", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP", "SIMILAR", "BETWEEN", "COLLATE", "AT",
    "DIV", "OPERATOR", "OVERLAPS", "ISNULL", "NOTNULL", "MEMBER",
];

/// The same, across commas.
const SETS: &[&str] = &["UNION", "EXCEPT", "INTERSECT", "MINUS", "PIVOT", "UNPIVOT", "MATCH_RECOGNIZE"];

pub(super) fn query(sql: &str, dialect: Dialect) -> Result<Box<Query>, Unread> {
    if sql.len() > MAX_TEXT_BYTES {
        return Err(Unread::TooLong);
    }
    if has_template(sql, dialect) {
        return Err(Unread::Template);
    }
    let ours = words(sql, dialect)?;
    let tokens = Tokenizer::new(dialect.parser(), sql).tokenize_with_location().map_err(|_| Unread::Syntax)?;
    let mut ours = ours.into_iter();
    for token in &tokens {
        if let Parsed::Word(word) = &token.token
            && word.quote_style.is_none()
        {
            let seen = ours.by_ref().find(|(text, optional)| text == &word.value.as_bytes() || !optional);
            if seen.is_none_or(|(text, _)| text != word.value.as_bytes()) {
                return Err(Unread::Syntax);
            }
        }
    }
    if ours.any(|(_, optional)| !optional) {
        return Err(Unread::Syntax);
    }
    let mut parser = Parser::new(dialect.parser()).with_recursion_limit(MAX_NESTING).with_tokens_with_locations(tokens);
    let query = parser.parse_query().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => Unread::TooDeep,
        ParserError::TokenizerError(_) | ParserError::ParserError(_) => Unread::Syntax,
    })?;
    let mut ended = false;
    while parser.consume_token(&Parsed::SemiColon) {
        ended = true;
    }
    if parser.peek_token().token == Parsed::EOF {
        Ok(query)
    } else {
        Err(if ended { Unread::NotAQuery } else { Unread::Syntax })
    }
}

/// The words of a text, and whether each may be part of another token to sqlparser; with all limits held.
fn words(sql: &str, dialect: Dialect) -> Result<Vec<(&[u8], bool)>, Unread> {
    let mut lexer = Lexer::new(sql, dialect.rules());
    let mut words: Vec<(&[u8], bool)> = Vec::new();
    let mut depth = Depth::default();
    let mut previous: Option<Token<'_>> = None;
    let mut begun = false;
    while let Some(token) = lexer.next()? {
        if !begun && !token.is(b"(") && token.kind != Kind::Hint {
            begun = true;
            if !QUERIES.iter().any(|word| token.is_word(word)) {
                return Err(Unread::NotAQuery);
            }
        }
        depth.pass(token, previous)?;
        match token.kind {
            Kind::Word => {
                let variable = previous.is_some_and(|previous| {
                    previous.kind == Kind::Sign && matches!(previous.text.last(), Some(b'$' | b'@'))
                });
                words.push((token.text, variable || token.text[0] == b'@'));
            }
            // The prefix of a string is part of it there.
            Kind::Quoted if token.gap == Gap::Joined && previous.is_some_and(|token| token.kind == Kind::Word) => {
                if let Some(last) = words.last_mut() {
                    last.1 = true;
                }
            }
            Kind::Quoted | Kind::Number | Kind::Sign | Kind::Hint => {}
        }
        previous = Some(token);
    }
    if begun { Ok(words) } else { Err(Unread::NotAQuery) }
}

/// How deep a tree can be at the place that is read.
#[derive(Default)]
struct Depth {
    levels: Vec<Level>,
    here: Level,
    /// The chains of all levels that are open, `here` without.
    outer: usize,
    /// Levels that are open and begin with a query or a bracket.
    subqueries: usize,
}

#[derive(Clone, Copy, Default)]
struct Level {
    is_case: bool,
    is_subquery: bool,
    /// Operators since the last comma.
    chain: usize,
    /// Set operations, which go on across commas.
    sets: usize,
    /// Joins without their condition.
    joins: usize,
}

impl Level {
    const fn depth(self) -> usize {
        self.chain + self.sets + self.joins
    }
}

impl Depth {
    fn pass(&mut self, token: Token<'_>, previous: Option<Token<'_>>) -> Result<(), Unread> {
        let any = |words: &[&str]| words.iter().any(|word| token.is_word(word));
        if previous.is_some_and(|previous| previous.is(b"(")) && (token.is(b"(") || any(QUERIES)) {
            self.here.is_subquery = true;
            self.subqueries += 1;
            if self.subqueries > MAX_SUBQUERIES {
                return Err(Unread::TooDeep);
            }
        }
        match (token.kind, token.text) {
            (Kind::Sign, b"(" | b"[" | b"{") => self.open(false)?,
            (Kind::Sign, b")" | b"]" | b"}") => self.close(),
            (Kind::Sign, b",") => self.here.chain = 0,
            (Kind::Sign, b".") => {}
            (Kind::Sign, b"->") if previous.is_some_and(|previous| previous.is(b")")) => self.here.chain += LAMBDA,
            (Kind::Sign, _) => self.here.chain += 1,
            (Kind::Word, _) if any(&["CASE"]) => self.open(true)?,
            (Kind::Word, _) if self.here.is_case && any(&["END"]) => self.close(),
            (Kind::Word, _) if self.here.is_case && any(&["WHEN", "THEN", "ELSE"]) => self.here.chain = 0,
            (Kind::Word, _) if any(INFIX) => self.here.chain += 1,
            (Kind::Word, _) if any(SETS) => self.here.sets += 1,
            (Kind::Word, _) if any(&["JOIN"]) && !previous.is_some_and(|previous| previous.is_word("CROSS")) => {
                self.here.joins += OPEN_JOIN;
            }
            (Kind::Word, _) if any(&["ON", "USING"]) => self.here.joins = self.here.joins.saturating_sub(OPEN_JOIN),
            _ => {}
        }
        if self.outer + self.here.depth() > MAX_CHAIN { Err(Unread::TooDeep) } else { Ok(()) }
    }

    fn open(&mut self, is_case: bool) -> Result<(), Unread> {
        if self.levels.len() >= 4 * MAX_NESTING {
            return Err(Unread::TooDeep);
        }
        self.outer += self.here.depth();
        self.levels.push(self.here);
        self.here = Level { is_case, ..Level::default() };
        Ok(())
    }

    fn close(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.outer -= level.depth();
            self.subqueries -= usize::from(self.here.is_subquery);
            self.here = level;
        }
    }
}
