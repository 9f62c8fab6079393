//! Random texts: what must not change a fingerprint, and what must.

use clyra_sql::{Dialect, fingerprint};
use proptest::prelude::*;

/// Tokens that every dialect reads alike, a keyword being what is folded wherever it stands here.
const TOKENS: &[&str] = &[
    "select",
    "from",
    "where",
    "and",
    "or",
    "not",
    "(",
    ")",
    ",",
    "a",
    "b1",
    "\"Q q\"",
    "'s t'",
    "'it''s'",
    "1",
    "2.5",
    "1e-5",
    "=",
    "<>",
    "||",
    "+",
    "*",
    "case when",
    "join",
    "on",
    "like",
    "between",
    "distinct",
    "group by x",
    "having",
    "é",
    "t.x",
    "a::int",
    "'-- no'",
    "'/* no */'",
    "sum(a)",
    "inner",
];

const KEYWORDS: &[&str] =
    &["select", "from", "where", "and", "or", "not", "case when", "join", "on", "like", "distinct", "having", "inner"];

const GAPS: &[&str] = &[" ", "\n", "\t \r\n", " -- a 'comment\n", " /* \"another */ ", "\n-- {\n", " /**/ "];

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(Dialect::ALL.to_vec())
}

/// Indices of tokens with what stands behind each: a gap, and whether a keyword is in upper case.
fn layout() -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
    proptest::collection::vec((0..TOKENS.len(), 0..GAPS.len(), any::<bool>()), 1..40)
}

fn text(layout: &[(usize, usize, bool)]) -> String {
    let mut text = String::new();
    for (token, gap, upper) in layout {
        let token = TOKENS[*token];
        if *upper && KEYWORDS.contains(&token) {
            text.push_str(&token.to_uppercase());
        } else {
            text.push_str(token);
        }
        text.push_str(GAPS[*gap]);
    }
    text
}

/// The same tokens in the plainest layout.
fn plain(layout: &[(usize, usize, bool)]) -> String {
    let tokens: Vec<&str> = layout.iter().map(|(token, ..)| TOKENS[*token]).collect();
    tokens.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn layout_and_case_of_keywords_keep_the_fingerprint(layout in layout(), dialect in dialect()) {
        // Strings side by side are another matter: a line's end between two makes them one.
        let quoted = |index: usize| TOKENS[index].starts_with('\'') || TOKENS[index].starts_with('"');
        prop_assume!(layout.windows(2).all(|pair| !(quoted(pair[0].0) && quoted(pair[1].0))));
        // Spark takes a keyword at the end of an item for a name; two of a kind in one case are enough elsewhere.
        let layout: Vec<_> = layout.into_iter()
            .map(|(token, gap, upper)| (token, gap, upper && dialect != Dialect::Databricks)).collect();
        prop_assert_eq!(fingerprint(&text(&layout), dialect), fingerprint(&plain(&layout), dialect));
    }

    #[test]
    fn another_token_is_another_fingerprint(layout in layout(), at in any::<prop::sample::Index>(), other in 0..TOKENS.len(), dialect in dialect()) {
        let before = fingerprint(&text(&layout), dialect).unwrap();
        let at = at.index(layout.len());
        let mut removed = layout.clone();
        removed.remove(at);
        prop_assert_ne!(fingerprint(&text(&removed), dialect).unwrap(), before);
        let mut changed = layout.clone();
        changed[at].0 = other;
        prop_assert_eq!(fingerprint(&text(&changed), dialect).unwrap() == before, other == layout[at].0);
    }

    #[test]
    fn no_text_panics(text in any::<String>(), dialect in dialect()) {
        let _ = fingerprint(&text, dialect);
    }

    #[test]
    fn no_sql_like_text_panics(text in "[-a-eERr0-2 '\"`$#@./*+\\\\(){}:;,\n\r<=>\u{e9}]{0,60}", dialect in dialect()) {
        let _ = fingerprint(&text, dialect);
    }
}
