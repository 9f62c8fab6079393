//! The columns a query gives and the relations it reads, as far as its text says it.

mod columns;
mod expression;
mod factor;
mod parse;
mod query;
mod scope;

use clyra_evidence::digest::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::Unread;
use crate::dialect::Dialect;

/// The first line under every schema fingerprint.
pub const SCHEMA_LABEL: &str = "clyra/sql-schema/v0";

/// What a query gives and reads.
///
/// Names are as the warehouse compares them: Snowflake's plain names in upper case, PostgreSQL's and Redshift's in lower
/// case, quoted ones as they stand; in BigQuery, Databricks and DuckDB names compare without case and are told in lower
/// case, except BigQuery's tables, which have one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryShape {
    /// The columns of the result, in order.
    pub columns: Vec<OutputColumn>,
    /// The tables and views that are read, in the order of the text; common table expressions are none.
    pub relations: Vec<RelationName>,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputColumn {
    /// Its name.
    pub name: ColumnName,
    /// Where its values come from.
    pub sources: ColumnSources,
}

/// The name of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnName {
    /// The text gives it.
    Named(String),
    /// The warehouse makes one up.
    Unnamed,
    /// Any number of columns: a `*` over what only the catalogue knows.
    Star,
}

/// Where a column's values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnSources {
    /// From these and no others; from none where it is made of literals. Conditions and order do not count.
    Known(Vec<SourceColumn>),
    /// The text does not say, or not surely.
    Unknown,
}

/// A column of a relation that is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceColumn {
    /// Its place in [`QueryShape::relations`].
    pub relation: usize,
    /// Its name; `*` for all that a star passes on.
    pub column: String,
}

/// The parts of a relation's name, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelationName(pub Vec<String>);

/// The shape of one query.
///
/// # Errors
///
/// [`Unread`] where the text is not one query, is not understood, or is deeper or wider than is read.
pub fn shape(sql: &str, dialect: Dialect) -> Result<QueryShape, Unread> {
    let parsed = parse::query(sql, dialect)?;
    query::Resolver::new(dialect).shape(&parsed)
}

impl QueryShape {
    /// The fingerprint of the columns' names in their order; `None` where the text does not give all of them.
    ///
    /// The bytes under the digest are the label, a line feed, the dialect's name, a line feed, and for each column the
    /// length of its name in bytes, in decimal, `:` and the name.
    #[must_use]
    pub fn schema_fingerprint(&self, dialect: Dialect) -> Option<Sha256Digest> {
        let mut bytes = format!("{SCHEMA_LABEL}\n{}\n", dialect.name());
        for column in &self.columns {
            let ColumnName::Named(name) = &column.name else { return None };
            bytes.push_str(&format!("{}:{name}", name.len()));
        }
        Some(Sha256Digest::of(bytes.as_bytes()))
    }
}
