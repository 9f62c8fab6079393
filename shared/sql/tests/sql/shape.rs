//! Queries, and their columns and relations.
//!
//! A column is `name<relation.column relation.column`; `name<` is made of literals, `name?` is not known. `_` has no
//! name, `*` is any number of columns. Relations stand behind `|`.

use clyra_sql::Dialect::{BigQuery, Databricks, DuckDb, Postgres, Redshift, Snowflake};
use clyra_sql::{ColumnName, ColumnSources, Dialect, MAX_TEXT_BYTES, QueryShape, Unread, shape};
use proptest::prelude::*;

const ALL: &[Dialect] = &Dialect::ALL;

fn line(shape: &QueryShape) -> String {
    let relation = |place: usize| shape.relations[place].0.join(".");
    let columns = shape.columns.iter().map(|column| {
        let name = match &column.name {
            ColumnName::Named(name) => name,
            ColumnName::Unnamed => "_",
            ColumnName::Star => "*",
        };
        match &column.sources {
            ColumnSources::Known(sources) => {
                let sources: Vec<String> =
                    sources.iter().map(|source| format!("{}.{}", relation(source.relation), source.column)).collect();
                format!("{name}<{}", sources.join(" "))
            }
            ColumnSources::Unknown => format!("{name}?"),
        }
    });
    let columns: Vec<String> = columns.collect();
    let relations: Vec<String> = (0..shape.relations.len()).map(relation).collect();
    format!("{} | {}", columns.join(", "), relations.join(", "))
}

/// Snowflake's plain names are in upper case; the cases are the same otherwise.
fn told(sql: &str, dialect: Dialect) -> Result<String, Unread> {
    let line = line(&shape(sql, dialect)?);
    Ok(if dialect == Snowflake { line.to_lowercase() } else { line })
}

const SHAPES: &[(&[Dialect], &str, &str)] = &[
    // One table.
    (ALL, "select a, t.b, t.b as c from s.t", "a<s.t.a, b<s.t.b, c<s.t.b | s.t"),
    (ALL, "select a + b as c, 1 as one, count(*) as n, 'x' from t", "c<t.a t.b, one<, n<, _< | t"),
    (ALL, "select case when a > 1 then b else c end as d from t", "d<t.a t.b t.c | t"),
    (ALL, "select coalesce(x.a, x.b) c from t as x", "c<t.a t.b | t"),
    (ALL, "select * from t", "*<t.* | t"),
    (ALL, "select x.*, x.a as b from t x", "*<t.*, b<t.a | t"),
    (ALL, "select sum(a) over (partition by b order by c) as d from t", "d<t.a t.b t.c | t"),
    (ALL, "select cast(a as int) as b from t where c = 1 group by d order by e", "b<t.a | t"),
    (ALL, "select 1 as a", "a< | "),
    (ALL, "select a", "a? | "),
    (ALL, "select distinct A from t;", "a<t.a | t"),
    (&[Postgres], "select \"A\", b as \"C\" from t", "A<t.A, C<t.b | t"),
    // Joins.
    (ALL, "select a.x, b.y as z from t a join u b on a.i = b.i", "x<t.x, z<u.y | t, u"),
    (ALL, "select x from t a join u b on a.i = b.i", "x? | t, u"),
    (ALL, "select t.x, s.u.y from t, s.u", "x<t.x, y<s.u.y | t, s.u"),
    (ALL, "select a.x, i from t a join u b using (i)", "x<t.x, i? | t, u"),
    (ALL, "select * from t join u on t.i = u.i", "*<t.*, *<u.* | t, u"),
    (ALL, "select * from t join u using (i)", "*? | t, u"),
    (ALL, "select t.* from t left join u using (i)", "*<t.* | t, u"),
    (ALL, "select x from t natural join u", "x? | t, u"),
    (&[Databricks, DuckDb], "select * from t left semi join u on t.i = u.i", "*<t.* | t, u"),
    // Common table expressions and subqueries.
    (ALL, "with c as (select a, b + 1 as d from t) select * from c", "a<t.a, d<t.b | t"),
    (ALL, "with c as (select * from s.t) select a, c.b from c", "a<s.t.a, b<s.t.b | s.t"),
    (ALL, "with c as (select * from t), d as (select *, x + 1 as y from c) select y, z from d", "y<t.x, z<t.z | t"),
    (ALL, "with c (x, y) as (select a, b from t) select y, x from c", "y<t.b, x<t.a | t"),
    (ALL, "with c as (select a from t), d as (select i from u) select a, i from c cross join d", "a<t.a, i<u.i | t, u"),
    (ALL, "with c as (select a, i from t) select a, z from c join u on c.i = u.i", "a<t.a, z<u.z | t, u"),
    (ALL, "select y from (select a as y from t) x", "y<t.a | t"),
    (ALL, "select * from (select a, a as b from t) x", "a<t.a, b<t.a | t"),
    (ALL, "with c as (select a from t) select b from c", "b? | t"),
    (
        ALL,
        "with c as (select a from t) select q.a from (with c as (select a from u) select * from c) q, c",
        "a<u.a | t, u",
    ),
    (&[Postgres, Redshift, BigQuery, Databricks, DuckDb], "with t as (select * from t) select a from t", "a<t.a | t"),
    (&[Snowflake], "with t as (select * from t) select a from t", "a? | "),
    (
        &[Postgres, BigQuery, DuckDb],
        "with recursive r as (select a from t union all select a from r) select a from r",
        "a? | t",
    ),
    // Set operations go by position.
    (ALL, "select a, b as x from t union all select c, d from u", "a<t.a u.c, x<t.b u.d | t, u"),
    (ALL, "select a from t union all select * from u", "a? | t, u"),
    (ALL, "select a from t union all select b, c from u", "a? | t, u"),
    (&[Postgres, Databricks, DuckDb, Redshift, Snowflake], "select a from t except select b from u", "a<t.a | t, u"),
    (ALL, "(select a from t) union all (select b from u)", "a<t.a u.b | t, u"),
    // Stars with options.
    (&[Snowflake, Redshift, DuckDb], "with c as (select a, b from t) select * exclude (b) from c", "a<t.a | t"),
    (&[BigQuery, Databricks], "with c as (select a, b from t) select * except (b) from c", "a<t.a | t"),
    (&[BigQuery, Databricks], "with c as (select * except (b) from t) select a, b from c", "a<t.a, b? | t"),
    (&[Snowflake], "with c as (select a, b from t) select * rename a as z from c", "z<t.a, b<t.b | t"),
    (
        &[Snowflake, BigQuery, DuckDb],
        "with c as (select a, b from t) select * replace (b + a as a) from c",
        "a<t.a t.b, b<t.b | t",
    ),
    (&[BigQuery], "select * replace (1 as a) from t", "*? | t"),
    (&[Snowflake], "select * ilike '%a%' from t", "*? | t"),
    // Aliases of the list itself.
    (&[Snowflake, Databricks, Redshift, DuckDb], "select a + 1 as b, b * 2 as c from t", "b<t.a, c? | t"),
    (
        &[Snowflake, Databricks, Redshift, DuckDb],
        "with q as (select a from t) select a + 1 as b, b * 2 as c from q",
        "b<t.a, c<t.a | t",
    ),
    (&[Postgres, BigQuery], "select a + 1 as b, b * 2 as c from t", "b<t.a, c<t.b | t"),
    // What looks like a column and may be none.
    (&[Snowflake, Redshift, Databricks], "select datediff(day, a, b) as d from t", "d<t.a t.b | t"),
    (&[BigQuery], "select date_trunc(a, month) as m, date_diff(a, b, day) as d from t", "m<t.a, d<t.a t.b | t"),
    (&[BigQuery], "select date_trunc(a, week(monday)) as w from t", "w<t.a | t"),
    (ALL, "select date_trunc('month', month) as m from t", "m<t.month | t"),
    (&[Snowflake], "select datediff(day, day, b) as d from t", "d? | t"),
    (&[Snowflake], "select dateadd(days, 1, a) as d, current_date as e from t", "d<t.a, e< | t"),
    (&[Databricks, DuckDb, Snowflake], "select f(a, x -> x + 1) as b from t", "b? | t"),
    (&[BigQuery], "select a.b.c as d from t", "d<t.a | t"),
    (&[BigQuery], "select t.a.b as d from t", "d<t.a | t"),
    (&[BigQuery], "select t from t", "t? | t"),
    (&[BigQuery], "select a[offset(0)].b as c from t", "c<t.a | t"),
    (&[Snowflake], "select v:a.b::string as c, v['a'] as d from t", "c<t.v, d<t.v | t"),
    (ALL, "select count(t.a) as n, hash(*) as h from t", "n<t.a, h? | t"),
    // Subqueries in expressions are read and not followed.
    (ALL, "select a, (select max(b) from u) as m from t where exists (select 1 from w)", "a<t.a, m? | t, u, w"),
    (ALL, "with c as (select 1 as x) select a from t where i in (select x from c)", "a<t.a | t"),
    (ALL, "select a from t order by (select b from u)", "a<t.a | t, u"),
    // What gives rows and is no table.
    (&[Snowflake], "select t.a, f.value as v from t, lateral flatten(input => t.b) f", "a<t.a, v? | t"),
    (&[BigQuery], "select t.a, x from t, unnest(t.b) as x", "a<t.a, x? | t"),
    (&[BigQuery], "select t.a, x from t, t.b as x", "a<t.a, x? | t"),
    (&[Databricks], "select a, x from t lateral view explode(b) e as x", "a<t.a, x? | t"),
    (&[Postgres, Snowflake], "select t.a, l.b from t, lateral (select b from u) l", "a<t.a, b? | t, u"),
    (&[Snowflake, BigQuery, Databricks], "select * from t pivot (sum(a) for b in ('x', 'y'))", "*? | t"),
    (ALL, "select * from (values (1, 'a')) v (x, y)", "x<, y< | "),
    (&[Snowflake], "select a from identifier('t')", "a? | "),
    (&[DuckDb], "from t", "*<t.* | t"),
    (&[DuckDb], "from t select a", "a<t.a | t"),
    (&[BigQuery], "select a from `p.d.T`", "a<p.d.T.a | p.d.T"),
    (&[BigQuery], "select T.a from `p-q`.d.T", "a<p-q.d.T.a | p-q.d.T"),
    (&[Snowflake], "select a from db.s.t at (offset => -60)", "a<db.s.t.a | db.s.t"),
];

#[test]
fn columns_and_relations() {
    let mut wrong = Vec::new();
    for (dialects, sql, expected) in SHAPES {
        for dialect in *dialects {
            let told = told(sql, *dialect);
            if told.as_deref() != Ok(*expected) {
                wrong.push(format!("{dialect:?}: {sql}\n  {told:?}\n  {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn schema_fingerprints_are_of_names_and_order() {
    let of = |sql: &str, dialect| shape(sql, dialect).unwrap().schema_fingerprint(dialect);
    for dialect in Dialect::ALL {
        let one = of("select a, b + 1 as c from t", dialect);
        assert!(one.is_some());
        assert_eq!(one, of("with x as (select A, d as C from u) select * from x", dialect), "{dialect:?}");
        assert_ne!(one, of("select b + 1 as c, a from t", dialect), "{dialect:?}");
        assert_eq!(of("select a, count(*) from t", dialect), None, "{dialect:?}");
        assert_eq!(of("select * from t", dialect), None, "{dialect:?}");
    }
    let expected = clyra_evidence::digest::Sha256Digest::of(b"clyra/sql-schema/v0\npostgres\n1:a2:bc");
    assert_eq!(of("select a, bc from t", Postgres), Some(expected));
    assert_eq!(of("select a from t", Snowflake), of("select \"A\" from t", Snowflake));
    assert_ne!(of("select a from t", Postgres), of("select \"A\" from t", Postgres));
}

const UNREAD: &[(&str, Unread)] = &[
    ("", Unread::NotAQuery),
    ("delete from t", Unread::NotAQuery),
    ("create table t as select 1", Unread::NotAQuery),
    ("select 1; select 2", Unread::NotAQuery),
    ("select a from", Unread::Syntax),
    ("select a b c d from t", Unread::Syntax),
    ("select 'a", Unread::Unterminated),
    ("select * from {{ ref('a') }}", Unread::Template),
];

#[test]
fn what_is_not_read_has_no_shape() {
    for dialect in Dialect::ALL {
        for (sql, expected) in UNREAD {
            assert_eq!(shape(sql, dialect), Err(*expected), "{dialect:?}: {sql}");
        }
        let with_insert = shape("with a as (insert into t values (1) returning *) select * from a", dialect);
        assert!(matches!(with_insert, Err(Unread::NotAQuery | Unread::Syntax)), "{dialect:?}: {with_insert:?}");
    }
}

/// Every text here would overflow the stack, or take for ever, without its limit.
#[test]
fn hostile_queries_end() {
    let many = |before: &str, unit: &str, after: &str, times: usize| format!("{before}{}{after}", unit.repeat(times));
    for dialect in Dialect::ALL {
        for (before, unit, after) in [
            ("select ", "(", ""),
            ("select ", "1 + ", "1"),
            ("select ", "not ", "a"),
            ("select ", "- ", "1"),
            ("select ", "case when a then ", "1"),
            ("select ", "(x, y) -> ", "x"),
            ("select a", "::int", ""),
            ("select a", "[1]", ""),
            ("select a", ".b", ""),
            ("select a", " is null", ""),
            ("select 1", " union select 1, 2", ""),
            ("select 1 from t", " join t on 1 = 1", ""),
            ("select 1 from t", " join t", ""),
            ("select 1 from t", " join t join t on 1 = 1", ""),
            ("select 1 from t", " cross join t", ""),
            ("", "(select * from t join t join t join t join t join t join t join t join ", ""),
            ("", "(select * from ", ""),
            ("", "with a as (", ""),
            ("select cast(a as ", "array<", ""),
            ("select ", "f(", ""),
            ("select * from ", "(", ""),
            ("select * from t where ", "a = 1 or ", "a"),
            ("select ", "interval ", "1"),
            ("select ", "a, ", "a"),
            ("select ", "*, ", "* from t"),
        ] {
            for times in [40, 100, 400, 3_000] {
                let _ = shape(&many(before, unit, after, times), dialect);
            }
        }
        assert_eq!(shape(&"(".repeat(100_000), dialect), Err(Unread::TooDeep));
        assert_eq!(shape(&"(".repeat(MAX_TEXT_BYTES), dialect), Err(Unread::TooDeep));
        assert_eq!(shape(&" ".repeat(MAX_TEXT_BYTES + 1), dialect), Err(Unread::TooLong));
        assert_eq!(shape(&many("select ", "1 + ", "1", 20_000), dialect), Err(Unread::TooDeep));
        let deep = format!("select {}1{}", "f(".repeat(30), ")".repeat(30));
        assert!(shape(&deep, dialect).is_ok(), "{dialect:?}: thirty calls in each other occur");
    }
    let doubling: Vec<String> = (1..40).map(|step| format!("c{step} as (select *, * from c{})", step - 1)).collect();
    let doubling = format!("with c0 as (select a, b from t), {} select * from c39", doubling.join(", "));
    assert_eq!(shape(&doubling, Postgres), Err(Unread::TooDeep));
}

proptest! {
    #[test]
    fn no_text_panics(sql in "select ((a|b|t\\.a|1|'x'|\\*|f\\(|\\)|,|\\(|case when|then|end|\\+|as c|from t|join u|on|union all select|with|->|\\[|\\]|::|:|in|not|over|group by) ?){0,30}") {
        for dialect in Dialect::ALL {
            let _ = shape(&sql, dialect);
        }
    }

    #[test]
    fn layout_does_not_change_a_shape(place in 0..SHAPES.len()) {
        let (dialects, sql, _) = SHAPES[place];
        for dialect in dialects {
            let spread = sql.replace(' ', " /* between */\n\t");
            prop_assert_eq!(shape(&spread, *dialect), shape(sql, *dialect), "{:?}: {}", dialect, sql);
        }
    }
}
