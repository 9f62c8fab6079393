use serde::{Deserialize, Serialize};
#[cfg(test)]
use sqlparser::dialect::{
    BigQueryDialect, DatabricksDialect, DuckDbDialect, PostgreSqlDialect, RedshiftSqlDialect, SnowflakeDialect,
};

/// The warehouses whose SQL is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Snowflake.
    Snowflake,
    /// Databricks SQL and Spark SQL.
    Databricks,
    /// BigQuery (GoogleSQL).
    BigQuery,
    /// PostgreSQL.
    Postgres,
    /// Amazon Redshift.
    Redshift,
    /// DuckDB.
    DuckDb,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Snowflake, Self::Databricks, Self::BigQuery, Self::Postgres, Self::Redshift, Self::DuckDb];

    /// The dialect of dbt's `adapter_type`; `None` for one that is not known here.
    #[must_use]
    pub fn of_adapter(adapter_type: &str) -> Option<Self> {
        match adapter_type {
            "snowflake" => Some(Self::Snowflake),
            "databricks" | "spark" => Some(Self::Databricks),
            "bigquery" => Some(Self::BigQuery),
            "postgres" => Some(Self::Postgres),
            "redshift" => Some(Self::Redshift),
            "duckdb" => Some(Self::DuckDb),
            _ => None,
        }
    }

    /// Its name under digests and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snowflake => "snowflake",
            Self::Databricks => "databricks",
            Self::BigQuery => "bigquery",
            Self::Postgres => "postgres",
            Self::Redshift => "redshift",
            Self::DuckDb => "duckdb",
        }
    }

    /// What sqlparser calls it.
    #[cfg(test)]
    pub(crate) fn parser(self) -> &'static dyn sqlparser::dialect::Dialect {
        match self {
            Self::Snowflake => &SnowflakeDialect,
            Self::Databricks => &DatabricksDialect {},
            Self::BigQuery => &BigQueryDialect,
            Self::Postgres => &PostgreSqlDialect {},
            Self::Redshift => &RedshiftSqlDialect {},
            Self::DuckDb => &DuckDbDialect {},
        }
    }

    /// How its text falls into tokens.
    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Snowflake => &SNOWFLAKE,
            Self::Databricks => &DATABRICKS,
            Self::BigQuery => &BIGQUERY,
            Self::Postgres => &POSTGRES,
            Self::Redshift => &REDSHIFT,
            Self::DuckDb => &DUCKDB,
        }
    }
}

/// Whether a dialect has something; `Unclear` where that depends on a setting, or is documented nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Has {
    No,
    Yes,
    Unclear,
}

/// What stands between double quotes or backticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quote {
    /// No quotation mark at all.
    Nothing,
    /// A name, in which the doubled mark stands for itself.
    Doubled,
    /// A string or name with backslash escapes. The doubled mark is an end and a new beginning.
    Escaped,
    /// Both: the doubled mark and backslash escapes.
    Both,
}

/// The lexical structure of a dialect, as its documentation has it.
#[derive(Debug)]
pub(crate) struct Rules {
    /// `\'` in a plain single-quoted string does not end it.
    pub(crate) backslash: Has,
    /// `''` in a single-quoted string does not end it.
    pub(crate) doubling: bool,
    pub(crate) double_quote: Quote,
    pub(crate) backtick: Quote,
    /// `'''…'''` and `"""…"""`.
    pub(crate) triple: bool,
    /// `E'…'` has backslash escapes whatever plain strings have; strings on several lines are one.
    pub(crate) escape_strings: bool,
    /// `r'…'` has neither escapes nor doubling.
    pub(crate) raw_strings: bool,
    /// `$$…$$`.
    pub(crate) dollar: bool,
    /// `$tag$…$tag$` too, and `$` in names.
    pub(crate) dollar_tag: bool,
    /// `$` is a character of names.
    pub(crate) dollar_in_names: bool,
    /// `#` begins a comment.
    pub(crate) hash_comment: bool,
    /// `//` begins a comment.
    pub(crate) slash_comment: bool,
    /// `/* /* */ */` is one comment.
    pub(crate) nested_comments: Has,
    /// A carriage return alone ends a line.
    pub(crate) bare_return: Has,
    /// A backslash at the end of a line may carry a comment on.
    pub(crate) continued_comment: bool,
    /// `@stage/path` is one word, with slashes and dashes.
    pub(crate) stage_paths: bool,
    /// `my-project.dataset` is a name.
    pub(crate) dashed_names: bool,
    /// A keyword may be a column's name, and its spelling is kept in results.
    pub(crate) keywords_name_columns: bool,
    /// A statement may be a raw command (`SET k = anything`).
    pub(crate) raw_commands: bool,
    /// `COPY … FROM STDIN` with data behind it.
    pub(crate) stdin: bool,
}

/// <https://docs.snowflake.com/en/sql-reference/data-types-text>, …/sql-reference/sql/comment, …/identifiers-syntax.
/// Whether block comments nest is not said.
const SNOWFLAKE: Rules = Rules {
    backslash: Has::Yes,
    doubling: true,
    double_quote: Quote::Doubled,
    backtick: Quote::Nothing,
    triple: false,
    escape_strings: false,
    raw_strings: false,
    dollar: true,
    dollar_tag: false,
    dollar_in_names: true,
    hash_comment: false,
    slash_comment: true,
    nested_comments: Has::Unclear,
    bare_return: Has::Unclear,
    continued_comment: false,
    stage_paths: true,
    dashed_names: false,
    keywords_name_columns: false,
    raw_commands: false,
    stdin: false,
};

/// SqlBaseLexer.g4 of Apache Spark 4; <https://docs.databricks.com/sql/language-manual/sql-ref-literals>.
const DATABRICKS: Rules = Rules {
    backslash: Has::Yes,
    doubling: true,
    double_quote: Quote::Both,
    backtick: Quote::Doubled,
    triple: false,
    escape_strings: false,
    raw_strings: true,
    dollar: true,
    dollar_tag: false,
    dollar_in_names: false,
    hash_comment: false,
    slash_comment: false,
    nested_comments: Has::Yes,
    bare_return: Has::Yes,
    continued_comment: true,
    stage_paths: false,
    dashed_names: false,
    keywords_name_columns: true,
    raw_commands: true,
    stdin: false,
};

/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical>.
const BIGQUERY: Rules = Rules {
    backslash: Has::Yes,
    doubling: false,
    double_quote: Quote::Escaped,
    backtick: Quote::Escaped,
    triple: true,
    escape_strings: false,
    raw_strings: false, // r'…' ends where '…' would: a backslash keeps the next mark in the string
    dollar: false,
    dollar_tag: false,
    dollar_in_names: false,
    hash_comment: true,
    slash_comment: false,
    nested_comments: Has::Unclear,
    bare_return: Has::Yes,
    continued_comment: false,
    stage_paths: false,
    dashed_names: true,
    keywords_name_columns: false,
    raw_commands: false,
    stdin: false,
};

/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>. `standard_conforming_strings` decides about `\'`.
const POSTGRES: Rules = Rules {
    backslash: Has::Unclear,
    doubling: true,
    double_quote: Quote::Doubled,
    backtick: Quote::Nothing,
    triple: false,
    escape_strings: true,
    raw_strings: false,
    dollar: true,
    dollar_tag: true,
    dollar_in_names: true,
    hash_comment: false,
    slash_comment: false,
    nested_comments: Has::Yes,
    bare_return: Has::Yes,
    continued_comment: false,
    stage_paths: false,
    dashed_names: false,
    keywords_name_columns: false,
    raw_commands: false,
    stdin: true,
};

/// PostgreSQL 8's, of which the documentation repeats little.
const REDSHIFT: Rules = Rules { nested_comments: Has::Unclear, ..POSTGRES };

/// DuckDB's scanner is PostgreSQL's with standard strings; a column keeps the spelling of its name.
const DUCKDB: Rules = Rules { backslash: Has::No, keywords_name_columns: true, ..POSTGRES };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_adapters_of_dbt() {
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::of_adapter(dialect.name()), Some(dialect));
        }
        assert_eq!(Dialect::of_adapter("spark"), Some(Dialect::Databricks));
        for unknown in ["", "Snowflake", "athena", "trino"] {
            assert_eq!(Dialect::of_adapter(unknown), None, "{unknown}");
        }
    }
}
