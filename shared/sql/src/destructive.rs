//! Statements in hooks and operations that remove data, objects or rights, found by their words.
//!
//! A statement's first words say what it is in every dialect, where a parser would refuse many a vendor's option. A
//! first word that is not known here is an error, never harmless.

mod statement;
mod template;

use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;
use crate::lexer::{Kind, Lexer, Token};
use crate::{MAX_TEXT_BYTES, Unread};

/// A statement that takes something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destructive {
    /// What it does.
    pub code: DestructiveCode,
    /// The kind of what it does it to.
    pub object: ObjectKind,
    /// Which statement of the text it is, counted from 1.
    pub statement: u32,
}

/// What a destructive statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestructiveCode {
    /// `DELETE` of all rows: without a `WHERE`, or with one that is always true.
    DeleteAll,
    /// `UPDATE` of all rows: without a `WHERE`, or with one that is always true.
    UpdateAll,
    /// `TRUNCATE`.
    Truncate,
    /// `DROP`, and `REMOVE` of a stage's files.
    Drop,
    /// `ALTER … DROP`.
    AlterDrop,
    /// `GRANT`.
    Grant,
    /// `REVOKE`.
    Revoke,
    /// `MERGE` that deletes.
    MergeDelete,
    /// `INSERT OVERWRITE`, and Databricks' `INSERT … REPLACE WHERE`.
    InsertOverwrite,
    /// `CREATE OR REPLACE` of what holds data, and Databricks' `REPLACE TABLE` and `RESTORE`.
    Replace,
}

/// The kind of an object in a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the SQL word of its name")]
pub enum ObjectKind {
    Table,
    View,
    MaterializedView,
    Schema,
    Database,
    Column,
    Constraint,
    Partition,
    Index,
    Sequence,
    Type,
    Function,
    Procedure,
    Role,
    User,
    Policy,
    Stage,
    Stream,
    Task,
    Pipe,
    Warehouse,
    Other,
}

/// The destructive statements of a text, in its order; empty where there is none.
///
/// Jinja that is known to become a name (`{{ this }}`, `{{ ref('a') }}`, `{{ source('a', 'b') }}`, `{{ target.x }}`)
/// is read as one; any other makes the text [`Unread::Template`].
///
/// # Errors
///
/// [`Unread`] where any statement of the text cannot be read: what stands beside it is then not told either.
pub fn destructive(sql: &str, dialect: Dialect) -> Result<Vec<Destructive>, Unread> {
    if sql.len() > MAX_TEXT_BYTES {
        return Err(Unread::TooLong);
    }
    let sql = template::names_for_templates(sql)?;
    let mut lexer = Lexer::new(&sql, dialect.rules());
    let mut found = Vec::new();
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut statement = 1;
    loop {
        let token = lexer.next()?;
        match token {
            Some(token) if token.is(b"$") && dialect == Dialect::Databricks => return Err(Unread::Template),
            Some(token) if !token.is(b";") => {
                if token.kind != Kind::Hint {
                    tokens.push(token);
                }
                continue;
            }
            _ => {}
        }
        if !tokens.is_empty() {
            let mut note = |code, object| found.push(Destructive { code, object, statement });
            statement::read(&tokens, &mut note)?;
            tokens.clear();
            statement += 1;
        }
        if token.is_none() {
            return Ok(found);
        }
    }
}
