//! The lexer against sqlparser's: where both understand a text, quotes, comments and words lie in the same places.

use proptest::prelude::*;
use sqlparser::tokenizer::{Location, Token as Theirs, Tokenizer};

use super::{Kind, Lexer};
use crate::Dialect;

/// A text in pieces that do not depend on how operators and numbers are cut: whole words, whole strings, single bytes.
fn pieces_of_ours(sql: &str, dialect: Dialect) -> Option<Vec<String>> {
    let mut lexer = Lexer::new(sql, dialect.rules());
    let mut pieces: Vec<String> = Vec::new();
    while let Some(token) = lexer.next().ok()? {
        let text = String::from_utf8_lossy(token.text).into_owned();
        match token.kind {
            Kind::Quoted | Kind::Word => pieces.push(text),
            Kind::Number | Kind::Sign => pieces.extend(text.chars().map(String::from)),
            Kind::Hint => return None,
        }
    }
    Some(pieces)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other tokens are signs and numbers")]
fn pieces_of_theirs(sql: &str, dialect: Dialect) -> Option<Vec<String>> {
    let offsets = line_offsets(sql);
    let offset = |at: Location| -> usize {
        let line = &sql[offsets[at.line as usize - 1]..];
        let column = line.char_indices().nth(at.column as usize - 1).map_or(line.len(), |(byte, _)| byte);
        offsets[at.line as usize - 1] + column
    };
    let tokens = Tokenizer::new(dialect.parser(), sql).tokenize_with_location().ok()?;
    let mut pieces = Vec::new();
    for token in tokens {
        let text = &sql[offset(token.span.start)..offset(token.span.end)];
        match token.token {
            Theirs::Whitespace(_) => {}
            Theirs::Word(_) => pieces.push(text.to_owned()),
            _ if text.contains(['\'', '"', '$']) => {
                // A prefix is part of the string there and a token of its own here.
                let (prefix, string) = text.split_at(text.find(['\'', '"', '$']).unwrap_or(0));
                pieces.extend([prefix, string].into_iter().filter(|piece| !piece.is_empty()).map(str::to_owned));
            }
            _ => pieces.extend(text.chars().map(String::from)),
        }
    }
    Some(pieces)
}

fn line_offsets(sql: &str) -> Vec<usize> {
    std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

const FRAGMENTS: &[&str] = &[
    "select",
    "a",
    "_b",
    "Foo",
    " ",
    " ",
    " ",
    "\n",
    "\t",
    "1 ",
    "2.5 ",
    " 'a' ",
    "'a\\b' ",
    "\"q\" ",
    "-- x ' \"\n",
    "/* ' */",
    "/* \" -- */",
    "(",
    ")",
    ",",
    ";",
    " = ",
    " <= ",
    " + ",
    " - ",
    " * ",
    " / ",
    " || ",
    "::int",
    "[1 ]",
    " é ",
    "'/* no */' ",
    "'-- no' ",
    "\"-- no\" ",
    " r'x' ",
    " x'41' ",
    " b'1' ",
];

const OWN: &[(Dialect, &[&str])] = &[
    (Dialect::Snowflake, &["'it''s' ", "\"q\"\"r\" ", " $$a ' b$$", " // x '\n", "'a\\'b' "]),
    (Dialect::Databricks, &["'it''s' ", "\"q\"\"r\" ", " `a ' b` ", "'a\\'b' ", "/* a /* ' */ b */"]),
    (Dialect::BigQuery, &[" `a ' b` ", "'a\\'b' ", "# x '\n", "'''a 'b' c''' ", "\"\"\"a \"b\" c\"\"\" "]),
    (
        Dialect::Postgres,
        &[" e'x\\'y' ", "'it''s' ", "\"q\"\"r\" ", " $$a ' b$$ ", " $t$a $$ ' b$t$ ", "/* a /* ' */ b */"],
    ),
    (Dialect::Redshift, &[" e'x\\'y' ", "'it''s' ", "\"q\"\"r\" ", " $$a ' b$$ "]),
    (Dialect::DuckDb, &["'it''s' ", "\"q\"\"r\" ", " $$a ' b$$ ", "/* a /* ' */ b */"]),
];

fn text() -> impl Strategy<Value = (Dialect, String)> {
    proptest::sample::select(OWN).prop_flat_map(|(dialect, own)| {
        let fragments = [FRAGMENTS, own].concat();
        let text = proptest::collection::vec(proptest::sample::select(fragments), 0..25);
        text.prop_map(move |pieces| (dialect, pieces.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn tokens_lie_where_sqlparser_sees_them((dialect, sql) in text()) {
        if let (Some(ours), Some(theirs)) = (pieces_of_ours(&sql, dialect), pieces_of_theirs(&sql, dialect)) {
            prop_assert_eq!(ours, theirs, "{:?}: {}", dialect, sql);
        }
    }
}
