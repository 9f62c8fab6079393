//! Which words may be folded without changing what a text means.
//!
//! A word is folded only where the dialect cannot take it for a name whose spelling matters. In Snowflake, PostgreSQL
//! and Redshift no plain name has a spelling (all are folded), so that every word of the list may be. BigQuery and
//! DuckDB keep spellings, and reserve words. Spark reserves nothing unless told to: its words are folded except where a
//! name may stand ([`crate::fingerprint`]).

use crate::Dialect;

const BIGQUERY: u8 = 1;
const DUCKDB: u8 = 2;
const DATABRICKS: u8 = 4;

/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords>.
const BIGQUERY_RESERVED: &str = "\
    ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT \
    DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM \
    FULL GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT \
    LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE \
    RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST \
    USING WHEN WHERE WINDOW WITH WITHIN";

/// `duckdb_keywords()`: `reserved`, and of `type_function` those that name no type.
const DUCKDB_RESERVED: &str = "\
    ALL ANALYSE ANALYZE AND ANTI ANY ARRAY AS ASC ASOF ASYMMETRIC AUTHORIZATION BOTH CASE CAST CHECK COLLATE COLUMN \
    CONSTRAINT CREATE CROSS DEFAULT DEFERRABLE DESC DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM FULL \
    GROUP HAVING ILIKE IN INITIALLY INNER INTERSECT INTO IS ISNULL JOIN LATERAL LEADING LEFT LIKE LIMIT NATURAL NOT \
    NOTNULL NULL OFFSET ON ONLY OR ORDER OUTER OVERLAPS PLACING POSITIONAL PRIMARY QUALIFY REFERENCES RETURNING RIGHT \
    SELECT SEMI SIMILAR SOME SYMMETRIC TABLE TABLESAMPLE THEN TO TRAILING TRUE UNION UNIQUE USING VARIADIC WHEN WHERE \
    WINDOW WITH";

/// Spark's words that hold a query together (SqlBaseParser.g4); few would be a column.
const DATABRICKS_STRUCTURE: &str = "\
    ALL AND ANTI ANY AS BETWEEN BOTH CASE CAST COLLATE CREATE CROSS DISTINCT ELSE END ESCAPE EXCEPT EXISTS FALSE FETCH \
    FOR FROM FULL GROUP HAVING ILIKE IN INNER INTERSECT INTO IS JOIN LATERAL LEADING LEFT LIKE MINUS NATURAL NOT NULL \
    ON ONLY OR ORDER OUTER QUALIFY RIGHT RLIKE SELECT SEMI SOME TABLE THEN TO TRAILING TRUE UNION UNIQUE USING WHEN \
    WHERE WITH";

/// Further words, folded where no plain name has a spelling.
const OTHERS: &str = "\
    ADD ALTER BEGIN CLUSTER COMMENT COMMIT CONNECT COPY DATABASE DELETE DISTRIBUTE DROP DUPLICATE EXECUTE EXPLAIN \
    FILTER FIRST FUNCTION GRANT IDENTITY INCREMENT INDEX INSERT KEY LAST MATCHED MATCH_RECOGNIZE MATERIALIZED \
    OVERWRITE PIVOT PROCEDURE REGEXP RENAME REPLACE RESET REVOKE ROLLBACK ROW SAMPLE SCHEMA SHOW SORT START TEMP \
    TEMPORARY TRANSIENT TRIGGER TRUNCATE TRY_CAST UNPIVOT UPDATE USE VALUES VIEW WITHOUT";

/// The longest word of the lists.
const MAX_WORD_BYTES: usize = 20;

/// The upper-case form of `word` and whether `dialect` lets it be folded wherever it stands.
pub(crate) fn keyword(word: &[u8], dialect: Dialect) -> Option<(&'static str, bool)> {
    if word.len() < 2 || word.len() > MAX_WORD_BYTES {
        return None;
    }
    let mut slot = hash(word);
    loop {
        let (upper, dialects) = TABLE[slot];
        if upper.is_empty() {
            return None;
        }
        if upper.as_bytes().eq_ignore_ascii_case(word) {
            let reserved = match dialect {
                Dialect::Snowflake | Dialect::Postgres | Dialect::Redshift => true,
                Dialect::BigQuery => dialects & BIGQUERY != 0,
                Dialect::DuckDb => dialects & DUCKDB != 0,
                Dialect::Databricks => dialects & DATABRICKS != 0,
            };
            return Some((upper, reserved));
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// A power of two, at least three times the words: a word that is none is refused at its first slot as a rule.
const SLOTS: usize = 1024;

/// Over the letters without their case; length and four places tell the words apart well enough.
const fn hash(word: &[u8]) -> usize {
    let length = word.len();
    let first = (word[0] & 0xdf) as usize;
    let second = (word[1] & 0xdf) as usize;
    let middle = (word[length / 2] & 0xdf) as usize;
    let last = (word[length - 1] & 0xdf) as usize;
    (first * 31 + second * 173 + middle * 677 + last * 7 + length * 389) % SLOTS
}

/// Open addressing, filled when the crate is compiled.
static TABLE: [(&str, u8); SLOTS] = {
    let mut table = [("", 0_u8); SLOTS];
    table = filled(table, BIGQUERY_RESERVED, BIGQUERY);
    table = filled(table, DUCKDB_RESERVED, DUCKDB);
    table = filled(table, DATABRICKS_STRUCTURE, DATABRICKS);
    filled(table, OTHERS, 0)
};

/// `table` with the `words`, which stand between single spaces.
const fn filled(
    mut table: [(&'static str, u8); SLOTS],
    words: &'static str,
    dialect: u8,
) -> [(&'static str, u8); SLOTS] {
    let mut rest = words;
    while !rest.is_empty() {
        let mut length = 0;
        while length < rest.len() && rest.as_bytes()[length] != b' ' {
            length += 1;
        }
        let (word, behind) = rest.split_at(length);
        rest = if behind.is_empty() { behind } else { behind.split_at(1).1 };
        let mut slot = hash(word.as_bytes());
        while !table[slot].0.is_empty() && !same(table[slot].0, word) {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = (word, table[slot].1 | dialect);
    }
    table
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_word_in_any_case_and_no_other() {
        for word in [BIGQUERY_RESERVED, DUCKDB_RESERVED, DATABRICKS_STRUCTURE, OTHERS].join(" ").split(' ') {
            assert!(word.len() <= MAX_WORD_BYTES, "{word}");
            for spelling in [word.to_owned(), word.to_lowercase()] {
                assert_eq!(keyword(spelling.as_bytes(), Dialect::Snowflake), Some((word, true)), "{word}");
            }
        }
        for other in ["", "a", "selec", "selects", "amount", "s\u{e9}lect", "COALESCE"] {
            assert_eq!(keyword(other.as_bytes(), Dialect::Snowflake), None, "{other}");
        }
        assert_eq!(keyword(b"Over", Dialect::DuckDb), Some(("OVER", false)));
        assert_eq!(keyword(b"Over", Dialect::BigQuery), Some(("OVER", true)));
    }
}
