//! Pairs of texts, and whether they must be the same to the warehouse.

use clyra_sql::Dialect::{BigQuery, Databricks, DuckDb, Postgres, Redshift, Snowflake};
use clyra_sql::{Dialect, MAX_TEXT_BYTES, Unread, fingerprint};

const ALL: &[Dialect] = &Dialect::ALL;
const POSTGRES_LIKE: &[Dialect] = &[Postgres, Redshift, DuckDb];

#[track_caller]
fn of(sql: &str, dialect: Dialect) -> [u8; 32] {
    *fingerprint(sql, dialect).unwrap_or_else(|error| panic!("{dialect:?}: {error}: {sql}")).as_bytes()
}

const SAME: &[(&[Dialect], &str, &str)] = &[
    // White space and comments.
    (ALL, "select a from t", "select\n\ta\r\n  from   t\n"),
    (ALL, "select a from t", "-- a comment\nselect a /* and\nanother */ from t -- the end"),
    (ALL, "select a, b from t", "select a,b from t"),
    (ALL, "select a from t", "select/**/a/**/from/**/t"),
    (ALL, "select a=-1", "select a = - 1"),
    (ALL, "select f(a) * 2", "select f ( a )*2"),
    (ALL, "select 1 -- it's", "select 1"),
    (ALL, "select 1 /* \" ' ` $$ */", "select 1"),
    // The case of keywords.
    (ALL, "select a from t where b is not null and c in (1)", "SELECT a FROM t WHERE b IS NOT NULL AND c IN (1)"),
    (ALL, "select a from t left join u on t.i = u.i", "Select a From t Left Join u On t.i = u.i"),
    (
        ALL,
        "with c as (select 1) select * from c union all select 2",
        "WITH c AS (select 1) SELECT * FROM c UNION ALL SELECT 2",
    ),
    (ALL, "select case when a then 1 else null end as x from t", "SELECT CASE WHEN a THEN 1 ELSE NULL END as x FROM t"),
    (
        ALL,
        "select sum(a) over (partition by b order by c) from t",
        "SELECT sum(a) OVER (PARTITION BY b ORDER BY c) FROM t",
    ),
    (
        ALL,
        "select a from t group by a having count(*) > 1 limit 5",
        "SELECT a FROM t GROUP BY a HAVING count(*) > 1 LIMIT 5",
    ),
    (ALL, "select distinct a from t qualify x", "SELECT DISTINCT a FROM t qualify x"),
    (
        ALL,
        "select a from t where b between 1 and 2 and exists (select 1)",
        "select a from t where b BETWEEN 1 and 2 and EXISTS (select 1)",
    ),
    (ALL, "select cast(a as int) from t", "select CAST(a AS int) FROM t"),
    // Comments as each dialect has them.
    (&[Snowflake], "select 1 // one\n, 2", "select 1, 2"),
    (&[BigQuery], "select 1 # one\n, 2", "select 1, 2"),
    (&[Postgres, DuckDb, Databricks], "select 1 /* a /* b */ ' c */ , 2", "select 1, 2"),
    (&[DuckDb], "select 7 // 2", "select 7//2"),
    // A carriage return ends a line.
    (&[Postgres, DuckDb, BigQuery, Databricks], "select 1 -- a\r, 2", "select 1, 2"),
];

#[test]
fn layout_comments_and_keywords_do_not_count() {
    for (dialects, left, right) in SAME {
        for dialect in *dialects {
            assert_eq!(of(left, *dialect), of(right, *dialect), "{dialect:?}: {left} / {right}");
        }
    }
}

const DIFFERENT: &[(&[Dialect], &str, &str)] = &[
    // Names and literals.
    (ALL, "select a from t", "select A from t"),
    (ALL, "select \"a\" from t", "select \"A\" from t"),
    (ALL, "select a from t", "select \"a\" from t"),
    (ALL, "select 'a'", "select 'A'"),
    (ALL, "select 'a b'", "select 'a  b'"),
    (ALL, "select 'a -- b'", "select 'a '"),
    (ALL, "select 'a /* b */'", "select 'a '"),
    (ALL, "select 1", "select 1.0"),
    (ALL, "select ''", "select ' '"),
    (ALL, "select count(a)", "select COUNT(a)"),
    // Order, and what joins.
    (ALL, "with a as (select 1), b as (select 2) select 1", "with b as (select 2), a as (select 1) select 1"),
    (ALL, "select a, b", "select b, a"),
    (ALL, "select a >= b", "select a > = b"),
    (ALL, "select ab", "select a b"),
    (ALL, "select 1e5", "select 1 e5"),
    (ALL, "select 1e-5", "select 1e - 5"),
    (ALL, "select a . b", "select a .. b"),
    (ALL, "select x'41'", "select x '41'"),
    (ALL, "select a from t", "select a from t;"),
    (ALL, "select a", "select a a"),
    (ALL, "select 1 - -1", "select 1 --1"),
    (ALL, "select t.1", "select t .1"),
    (ALL, "select a ||b", "select a | | b"),
    // Hints are no comments.
    (ALL, "select /*+ broadcast(t) */ a from t", "select a from t"),
    (ALL, "select /*+ broadcast(t) */ a from t", "select /*+ broadcast(u) */ a from t"),
    (&[BigQuery], "select a from t join@{join_type=hash} u", "select a from t join u"),
    // Strings and quoted names as each dialect has them.
    (&[Snowflake, Databricks, BigQuery], r"select 'it\'s  -- x'", r"select 'it\'s -- x'"),
    (&[Postgres, Redshift, DuckDb], r"select E'it\'s  -- x'", r"select E'it\'s -- x'"),
    (POSTGRES_LIKE, "select $$a  b$$", "select $$a b$$"),
    (POSTGRES_LIKE, "select $x$a $$  -- b$x$", "select $x$a $$ -- b$x$"),
    (&[Snowflake, Databricks], "select $$it's  -- b$$", "select $$it's -- b$$"),
    (&[BigQuery], "select '''it's  -- b'''", "select '''it's -- b'''"),
    (&[BigQuery], "select \"\"\"a \"b\"  # c\"\"\"", "select \"\"\"a \"b\" # c\"\"\""),
    (&[BigQuery], r"select r'a\'  -- b'", r"select r'a\' -- b'"),
    (&[Databricks], r"select r'a\' -- b", r"select r'a\'  || b"),
    (&[BigQuery, Databricks], "select `a  --b`", "select `a --b`"),
    (&[Databricks], "select \"a  -- b\"", "select \"a -- b\""),
    (ALL, "select \"a  -- b\"", "select \"a -- b\""),
    (&[Snowflake, Postgres, Redshift, DuckDb], r#"select "a\" as b, "c  d""#, r#"select "a\" as b, "c d""#),
    (POSTGRES_LIKE, "select 'a'\n'b'", "select 'a' 'b'"),
    (POSTGRES_LIKE, "select 'a'\n'b'", "select 'a' /* \n */ 'b'"),
    (&[DuckDb], "select 7 // 2", "select 7"),
    (&[Databricks], "select a // b", "select a"),
    (&[Postgres, DuckDb], "select a # b", "select a"),
    (&[Databricks], "select 1 /* a /* b */ */ , 2", "select 1 /* a */ , 3"),
    // Where a keyword may be a name.
    (ALL, "select t.Order from t", "select t.ORDER from t"),
    (&[Snowflake], "select v:Order.Select from t", "select v:ORDER.Select from t"),
    (&[Databricks, DuckDb], "select 1 as Select", "select 1 as SELECT"),
    (&[Databricks], "select 1 Case from t", "select 1 CASE from t"),
    (&[Databricks], "select 1 End from t", "select 1 END from t"),
    (&[Databricks], "select to_json(struct(a Null)) from t", "select to_json(struct(a NULL)) from t"),
    (&[Databricks], "select Limit from t", "select LIMIT from t"),
    (&[DuckDb], "select {Order: 1}", "select {ORDER: 1}"),
    (&[DuckDb], "select Between from t", "select BETWEEN from t"),
    (&[DuckDb], "select Over from t", "select OVER from t"),
    (&[BigQuery], "select a from my-table", "select a from my - table"),
    (&[BigQuery], "select Filter from t", "select FILTER from t"),
    (&[Snowflake], "select $1 from @stage/a//b.csv", "select $1 from @stage/a//c.csv"),
    (&[Snowflake], "select $1 from @stage/a--b.csv", "select $1 from @stage/a--c.csv"),
    (&[Snowflake], "f(x=>@stage//b)", "f(x=>@stage//c)"),
    // Characters that no dialect takes for white space in the same way.
    (ALL, "select a\u{a0}b", "select a b"),
    (ALL, "select\u{3000}a", "select a"),
    (ALL, "select a\u{b}b", "select a b"),
];

#[test]
fn everything_else_counts() {
    for (dialects, left, right) in DIFFERENT {
        for dialect in *dialects {
            assert_ne!(of(left, *dialect), of(right, *dialect), "{dialect:?}: {left} / {right}");
        }
    }
    for (one, other) in [(Postgres, Redshift), (Snowflake, BigQuery)] {
        assert_ne!(of("select 1", one), of("select 1", other), "one text is read by another warehouse");
    }
}

const UNREAD: &[(&[Dialect], &str, Unread)] = &[
    (ALL, "select 'a", Unread::Unterminated),
    (ALL, "select \"a", Unread::Unterminated),
    (ALL, "select 1 /* a", Unread::Unterminated),
    (ALL, "select /*+ a", Unread::Unterminated),
    (&[Snowflake, Databricks, BigQuery], r"select 'a\'", Unread::Unterminated),
    (&[Databricks, BigQuery], "select `a", Unread::Unterminated),
    (&[BigQuery], "select '''a''", Unread::Unterminated),
    (&[BigQuery], r"select '''a\'''", Unread::Unterminated),
    (&[Snowflake, Databricks], "select $$a", Unread::Unterminated),
    (POSTGRES_LIKE, "select $a$ a $b$", Unread::Unterminated),
    (&[Postgres, Databricks, DuckDb], "select 1 /* /* */", Unread::Unterminated),
    (&[DuckDb], r"select E'a\'", Unread::Unterminated),
    // Where a string or comment ends depends on more than the text.
    (&[Postgres, Redshift], r"select 'a\'", Unread::Ambiguous),
    (&[Postgres, Redshift], r"select 'a\' -- b'", Unread::Ambiguous),
    (POSTGRES_LIKE, "select E'a'\n'b'", Unread::Ambiguous),
    (&[Snowflake, BigQuery, Redshift], "select 1 /* a /* b */ */", Unread::Ambiguous),
    (&[Snowflake], "select 1 -- a\rselect 2", Unread::Ambiguous),
    (&[Snowflake], "put file:///a/b @stage", Unread::Ambiguous),
    (&[Databricks], "select 1 -- a\\\n, 2", Unread::Ambiguous),
    // What is no SQL yet, or not only.
    (ALL, "select * from {{ ref('a') }}", Unread::Template),
    (ALL, "select '{{ a }}'", Unread::Template),
    (ALL, "select 1 -- {% if a %}", Unread::Template),
    (ALL, "{# it's #} select 1", Unread::Template),
    (&[Databricks], "select ${a}", Unread::Template),
    (&[Databricks], "set a.b = c  d", Unread::Command),
    (&[Postgres], "copy t from stdin", Unread::Command),
];

#[test]
fn what_is_not_understood_has_no_fingerprint() {
    for (dialects, sql, expected) in UNREAD {
        for dialect in *dialects {
            assert_eq!(fingerprint(sql, *dialect), Err(*expected), "{dialect:?}: {sql}");
        }
    }
}

/// The bytes as the documentation has them.
#[test]
fn the_digest_is_over_the_documented_bytes() {
    let expected = clyra_evidence::digest::Sha256Digest::of(
        b"clyra/sql-fingerprint/v0\npostgres\nt6:SELECTt1:ej5:'a'''t2:>=t3:1.5j5:\"X\"\"\"t4:FROMt1:t",
    );
    assert_eq!(fingerprint("select e'a''' >=1.5\"X\"\"\"/* c */from t", Postgres), Ok(expected));
}

#[test]
fn hostile_texts_take_linear_time() {
    let long = MAX_TEXT_BYTES / 16;
    for dialect in Dialect::ALL {
        for unit in [
            "(", "[", "{ ", "'", "\"", "`", "$", "$a", "$a$b", "/*", "*/", "/*+", "--", "-", "#", "\\'", "E'", "'a' ",
            "r'", "@", ".", "1.", "1e+", ":", "::", "a", " ", "\n", "\r", "case ", "\u{0}", "é", "''", "'''", "/", "<",
            "=-",
        ] {
            let text = unit.repeat(long / unit.len());
            let _ = fingerprint(&text, dialect);
            let _ = fingerprint(&format!("select {}", &text[..text.len() / 2 / unit.len() * unit.len()]), dialect);
        }
        assert_eq!(fingerprint(&" ".repeat(MAX_TEXT_BYTES + 1), dialect), Err(Unread::TooLong));
        assert!(fingerprint(&"(".repeat(MAX_TEXT_BYTES), dialect).is_ok());
    }
}
