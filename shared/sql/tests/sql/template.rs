//! Pairs of dbt sources, and whether they must compile to the same.

use clyra_sql::Dialect::Postgres;
use clyra_sql::{MAX_TEXT_BYTES, Unread, fingerprint, template_fingerprint};

const SAME: &[(&str, &str)] = &[
    ("select a from t", "SELECT a\nFROM t -- all of it"),
    ("select a from {{ ref('t') }}", "-- the newest\nSELECT  a FROM {{ ref('t') }}  "),
    ("select a from {{ ref('t') }} where b", "select a from {{ ref('t') }} WHERE   b"),
    ("select a from {{ ref('t') }}\nwhere b", "select a\nfrom {{ ref('t') }}\n\n  where b"),
    ("{{ config(materialized='table') }}\nselect 1", "{{ config(materialized='table') }}\n\n\nselect 1"),
    ("select 1 {# not said #}", "select 1 {# nor this -- ' #} "),
    ("select '{# gone #}x'", "select 'x'"),
    (
        "select a from t\n{% if is_incremental() %}\nwhere b\n{% endif %}",
        "select a from t -- all\n{% if is_incremental() %}\n    where b /* only new */\n{% endif %}\n",
    ),
    ("{% set x = 1 %}\nselect 1", "{% set x = 1 %}\n  select 1"),
    ("{% set a, b = 1, '%}' %}\nselect 1", "{% set a, b = 1, '%}' %}\n\nselect 1"),
    ("select {{ f({'a': {'b': 1}}) }} as x", "select {{ f({'a': {'b': 1}}) }} AS x"),
    ("select {{ f(\"}}\") }}\n, 1", "select {{ f(\"}}\") }}\n,1"),
];

const DIFFERENT: &[(&str, &str)] = &[
    ("select a from {{ ref('t') }}", "select a from {{ ref('u') }}"),
    ("select a from {{ ref('t') }}", "select a from {{ref('t')}}"),
    // What a tag becomes may go on with its neighbour, or comment out the rest of its line.
    ("select {{ x }} y", "select {{ x }}y"),
    ("select {{ x }} y", "select {{ x }}\ny"),
    ("select {{ x }} y z", "select {{ x }} y\nz"),
    ("from {{ x }}", "from{{ x }}"),
    ("select{{ x }}", "SELECT{{ x }}"),
    // Both branches count, also the one that was not compiled.
    (
        "{% if a %}\nselect 1\n{% else %}\nselect 2\n{% endif %}",
        "{% if a %}\nselect 1\n{% else %}\nselect 3\n{% endif %}",
    ),
    ("{% if a %}\nselect 1\n{% endif %}", "{% if b %}\nselect 1\n{% endif %}"),
    ("a{# x #}b", "a {# x #}b"),
    ("select 1", "select 1 {{ x }}"),
];

const UNREAD: &[(&str, Unread)] = &[
    ("select '{{ x }}'", Unread::Unterminated),
    ("select 1 -- {{ x }}\n", Unread::Template),
    ("select 1 /* {{ x }} */", Unread::Unterminated),
    ("select 1 -- a\n{{- x }}", Unread::Template),
    ("select 1 -- a\n{#- x #} , 2", Unread::Template),
    ("{% set x %}a  b{% endset %}select '{{ x }}'", Unread::Template),
    ("{% call f() %}a  b{% endcall %}", Unread::Template),
    ("{% macro f() %}a{% endmacro %}", Unread::Template),
    ("{% raw %}a{% endraw %}", Unread::Template),
    ("{% filter upper %}a{% endfilter %}", Unread::Template),
    ("{% set x | upper %}a{% endset %}", Unread::Template),
    ("{{ x", Unread::Unterminated),
    ("{{ 'x }}", Unread::Unterminated),
    ("{{ x)) }}", Unread::Template),
    ("{# x", Unread::Unterminated),
];

#[test]
fn layout_does_not_count_and_tags_do() {
    let of = |source| template_fingerprint(source, Postgres).unwrap_or_else(|error| panic!("{error}: {source}"));
    for (left, right) in SAME {
        assert_eq!(of(left), of(right), "{left} / {right}");
    }
    for (left, right) in DIFFERENT {
        assert_ne!(of(left), of(right), "{left} / {right}");
    }
}

#[test]
fn what_cannot_be_told_is_unread() {
    for (source, expected) in UNREAD {
        assert_eq!(template_fingerprint(source, Postgres), Err(*expected), "{source}");
    }
    assert_eq!(template_fingerprint(&" ".repeat(MAX_TEXT_BYTES + 1), Postgres), Err(Unread::TooLong));
}

#[test]
fn a_source_and_a_statement_never_share_a_fingerprint() {
    let sql = "select 1";
    assert_ne!(template_fingerprint(sql, Postgres), fingerprint(sql, Postgres));
}

proptest::proptest! {
    #[test]
    fn nothing_panics(source in "[{}%# '\"()\\-a\\n/*é\\\\]{0,40}") {
        let _ = template_fingerprint(&source, Postgres);
    }
}
