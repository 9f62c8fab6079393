//! One statement, by its words.

use super::DestructiveCode::{
    self, AlterDrop, DeleteAll, Drop, Grant, InsertOverwrite, MergeDelete, Replace, Revoke, Truncate, UpdateAll,
};
use super::ObjectKind;
use crate::Unread;
use crate::lexer::{Kind, Token};

/// First words of statements that take nothing away.
const HARMLESS: &[&str] = &[
    "ABORT",
    "ANALYSE",
    "ANALYZE",
    "ASSERT",
    "ATTACH",
    "CACHE",
    "CHECKPOINT",
    "CLEAR",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DESC",
    "DESCRIBE",
    "DETACH",
    "DISCARD",
    "EXPORT",
    "GET",
    "INSTALL",
    "LIST",
    "LISTEN",
    "LOAD",
    "LOCK",
    "LS",
    "MSCK",
    "NOTIFY",
    "OPTIMIZE",
    "PRAGMA",
    "PUT",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "SUMMARIZE",
    "TABLE",
    "UNCACHE",
    "UNDROP",
    "UNLISTEN",
    "UNLOAD",
    "UNSET",
    "USE",
    "VACUUM",
    "VALUES",
];

/// First words of statements that may.
const VERBS: &[&str] = &[
    "DELETE", "DROP", "GRANT", "INSERT", "MERGE", "REMOVE", "REPLACE", "RESTORE", "REVOKE", "RM", "TRUNCATE", "UPDATE",
];

/// First words of procedural code.
const PROCEDURAL: &[&str] =
    &["CASE", "DECLARE", "EXCEPTION", "FOR", "IF", "LET", "LOOP", "RAISE", "REPEAT", "RETURN", "WHILE"];

/// First words of statements that run what the text does not show.
const DYNAMIC: &[&str] = &["CALL", "DO", "EXEC", "EXECUTE", "PREPARE"];

/// Words between a verb and the kind of its object.
const MODIFIERS: &[&str] = &[
    "ALL",
    "DYNAMIC",
    "EVENT",
    "EXISTS",
    "EXTERNAL",
    "FOREIGN",
    "FUTURE",
    "GLOBAL",
    "HYBRID",
    "ICEBERG",
    "IF",
    "LIVE",
    "LOCAL",
    "NOT",
    "RECURSIVE",
    "SECURE",
    "STREAMING",
    "TEMP",
    "TEMPORARY",
    "TRANSIENT",
    "UNLOGGED",
    "VOLATILE",
];

/// Statements in the brackets of a `WITH` that are looked at; each costs a pass over what it holds.
const MAX_INNER_STATEMENTS: usize = 64;

/// What a statement was found to do, and to what.
pub(super) type Note<'n> = &'n mut dyn FnMut(DestructiveCode, ObjectKind);

/// Reads one statement and notes what it takes away.
pub(super) fn read(tokens: &[Token<'_>], note: Note<'_>) -> Result<(), Unread> {
    let statement = Statement::of(tokens);
    if statement.is(0, &["EXPLAIN"]) && !statement.all.iter().any(|token| token.is_word("ANALYZE")) {
        return Ok(());
    }
    let mut inner = 0;
    for (at, three) in tokens.windows(3).enumerate() {
        if three[0].is(b"(") && writes(three[1], three[2]) {
            inner += 1;
            if inner > MAX_INNER_STATEMENTS {
                return Err(Unread::TooDeep);
            }
            Statement::of(to_closing(&tokens[at + 1..])).read_verb(note);
        }
    }
    statement.read(note)
}

/// Whether two tokens begin a statement that writes.
fn writes(first: Token<'_>, second: Token<'_>) -> bool {
    match second.kind {
        Kind::Word if first.is_word("INSERT") => second.is_word("INTO") || second.is_word("OVERWRITE"),
        Kind::Word if first.is_word("MERGE") => second.is_word("INTO"),
        Kind::Word if first.is_word("DELETE") => second.is_word("FROM"),
        Kind::Word | Kind::Quoted => first.is_word("UPDATE"),
        Kind::Number | Kind::Sign | Kind::Hint => false,
    }
}

/// The tokens of a statement that stand in no brackets, each with its place among all.
struct Statement<'t, 'a> {
    all: &'t [Token<'a>],
    outer: Vec<(usize, Token<'a>)>,
}

impl<'t, 'a> Statement<'t, 'a> {
    fn of(all: &'t [Token<'a>]) -> Self {
        // `(select …)` is a statement in brackets.
        let opened = all.iter().take_while(|token| token.is(b"(")).count();
        let all = &all[opened..];
        let mut depth = 0_usize;
        let mut outer = Vec::new();
        for (at, token) in all.iter().enumerate() {
            if token.is(b")") {
                depth = depth.saturating_sub(1);
            } else if token.is(b"(") {
                depth += 1;
            } else if depth == 0 {
                outer.push((at, *token));
            }
        }
        Self { all, outer }
    }

    /// The word at a place among the outer tokens.
    fn word(&self, at: usize) -> Option<Token<'a>> {
        self.outer.get(at).map(|(_, token)| *token).filter(|token| token.kind == Kind::Word)
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        self.word(at).is_some_and(|token| words.iter().any(|word| token.is_word(word)))
    }

    fn find(&self, words: &[&str]) -> Option<usize> {
        (0..self.outer.len()).find(|at| self.is(*at, words))
    }

    fn read(&self, note: Note<'_>) -> Result<(), Unread> {
        let is = |words| self.is(0, words);
        if is(DYNAMIC) {
            Err(Unread::Dynamic)
        } else if is(PROCEDURAL) {
            Err(Unread::Script)
        } else if is(HARMLESS) {
            Ok(())
        } else if is(&["BEGIN", "END"]) {
            let transaction = ["TRANSACTION", "WORK", "ISOLATION", "READ", "NOT", "DEFERRED", "IMMEDIATE"];
            if self.outer.len() == 1 || self.is(1, &transaction) { Ok(()) } else { Err(Unread::Script) }
        } else if is(VERBS) {
            self.read_verb(note);
            Ok(())
        } else if is(&["ALTER"]) {
            self.read_alter(note);
            Ok(())
        } else if is(&["CREATE"]) {
            self.read_create(note)
        } else if is(&["WITH", "FROM", "EXPLAIN"]) {
            self.read_main(note)
        } else {
            Err(Unread::Syntax)
        }
    }

    /// What stands behind a `WITH`, `FROM` or `EXPLAIN`: a verb, or none at all where the query is in brackets.
    fn read_main(&self, note: Note<'_>) -> Result<(), Unread> {
        let verbs = ["SELECT", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE"];
        let mut mains = (1..self.outer.len()).filter(|at| self.is(*at, &verbs)).peekable();
        if mains.peek().is_none() {
            let reads = self.all.iter().any(|token| token.is_word("SELECT") || token.is_word("FROM"));
            return if reads { Ok(()) } else { Err(Unread::Syntax) };
        }
        // Spark's `FROM t INSERT … INSERT …` has several.
        let count = if self.is(0, &["FROM"]) { MAX_INNER_STATEMENTS } else { 1 };
        mains.take(count).try_for_each(|at| Statement::of(&self.all[self.outer[at].0..]).read(note))
    }

    fn read_verb(&self, note: Note<'_>) {
        let is = |word: &str| self.is(0, &[word]);
        if is("DELETE") && self.takes_all() {
            note(DeleteAll, ObjectKind::Table);
        } else if is("UPDATE") && self.takes_all() {
            note(UpdateAll, ObjectKind::Table);
        } else if is("TRUNCATE") {
            note(Truncate, self.kind(1).unwrap_or(ObjectKind::Table));
        } else if is("DROP") {
            note(Drop, self.kind(1).unwrap_or(ObjectKind::Other));
        } else if is("REMOVE") || is("RM") {
            note(Drop, ObjectKind::Stage);
        } else if is("REPLACE") || is("RESTORE") {
            note(Replace, ObjectKind::Table);
        } else if is("GRANT") {
            note(Grant, self.kind_of_right());
        } else if is("REVOKE") {
            note(Revoke, self.kind_of_right());
        } else if is("MERGE") && (0..self.outer.len()).any(|at| self.is(at, &["THEN"]) && self.is(at + 1, &["DELETE"]))
        {
            note(MergeDelete, ObjectKind::Table);
        } else if is("INSERT") {
            let replaces = |at| self.is(at, &["REPLACE"]) && self.is(at + 1, &["WHERE", "USING", "ON"]);
            if self.is(1, &["OVERWRITE"]) || (1..self.outer.len()).any(replaces) {
                let directory = self.is(2, &["DIRECTORY", "LOCAL"]);
                note(InsertOverwrite, if directory { ObjectKind::Other } else { ObjectKind::Table });
            }
        }
    }

    /// Whether a `DELETE` or `UPDATE` has no condition, or one that is always true.
    fn takes_all(&self) -> bool {
        let Some(at) = self.find(&["WHERE"]) else { return true };
        let ends = &["RETURNING", "ORDER", "LIMIT"];
        let start = self.outer[at].0 + 1;
        let end =
            (at + 1..self.outer.len()).find(|at| self.is(*at, ends)).map_or(self.all.len(), |at| self.outer[at].0);
        let mut condition = &self.all[start..end];
        while let [open, inner @ .., close] = condition {
            if !(open.is(b"(") && close.is(b")")) {
                break;
            }
            condition = inner;
        }
        match condition {
            [] => true,
            [value] => value.is_word("TRUE"),
            [left, equals, right] => {
                (equals.is(b"=") || equals.is(b"=="))
                    && matches!(left.kind, Kind::Number | Kind::Quoted)
                    && left.text == right.text
            }
            _ => false,
        }
    }

    fn read_alter(&self, note: Note<'_>) {
        let altered = self.kind(1);
        for at in 2..self.outer.len() {
            if self.is(at, &["DROP"]) {
                let fallback = if altered == Some(ObjectKind::Table) { ObjectKind::Column } else { ObjectKind::Other };
                note(AlterDrop, self.dropped(at + 1).unwrap_or(fallback));
            } else if self.is(at, &["GRANT"]) {
                note(Grant, self.kind_of_right());
            } else if self.is(at, &["REVOKE"]) {
                note(Revoke, self.kind_of_right());
            }
        }
    }

    /// The kind of what an `ALTER` drops: columns may be named without the word.
    fn dropped(&self, at: usize) -> Option<ObjectKind> {
        if self.is(at, &["NOT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK"]) {
            return Some(ObjectKind::Constraint);
        }
        if self.is(at, &["DEFAULT", "EXPRESSION", "IDENTITY", "CLUSTERING", "SEARCH", "TAG"]) {
            return Some(ObjectKind::Other);
        }
        self.kind(at)
    }

    fn read_create(&self, note: Note<'_>) -> Result<(), Unread> {
        let replaces = self.is(1, &["OR"]) && self.is(2, &["REPLACE", "ALTER"]);
        let at = if replaces { 3 } else { 1 };
        let kind = self.kind(at);
        if self.is(at, &["TASK", "RULE", "ALERT", "TRIGGER"]) {
            return Err(Unread::Dynamic);
        }
        if matches!(kind, Some(ObjectKind::Function | ObjectKind::Procedure))
            && self.find(&["BEGIN", "DECLARE"]).is_some()
        {
            return Err(Unread::Script);
        }
        let temporary = self.is(at, &["TEMP", "TEMPORARY"]) || self.is(at + 1, &["TEMP", "TEMPORARY"]);
        let holds_data = matches!(
            kind,
            Some(
                ObjectKind::Table
                    | ObjectKind::Schema
                    | ObjectKind::Database
                    | ObjectKind::Stage
                    | ObjectKind::Stream
                    | ObjectKind::Sequence
            )
        );
        if let (true, true, false, Some(kind)) = (replaces, holds_data, temporary, kind) {
            note(Replace, kind);
        }
        Ok(())
    }

    /// The kind whose name stands at or behind a place, modifiers passed over.
    fn kind(&self, mut at: usize) -> Option<ObjectKind> {
        while self.is(at, MODIFIERS) {
            at += 1;
        }
        let policy = ["ROW", "MASKING", "AGGREGATION", "PROJECTION", "NETWORK", "PASSWORD", "SESSION"];
        if self.is(at, &["TABLE"]) && self.is(at + 1, &["FUNCTION"]) {
            return Some(ObjectKind::Function);
        }
        if self.is(at, &["MATERIALIZED"]) {
            return Some(ObjectKind::MaterializedView);
        }
        if self.is(at, &policy) && (self.is(at + 1, &["POLICY", "LEVEL"]) || self.is(at + 2, &["POLICY"])) {
            return Some(ObjectKind::Policy);
        }
        if self.is(at, &["DATABASE", "APPLICATION"]) && self.is(at + 1, &["ROLE"]) {
            return Some(ObjectKind::Role);
        }
        KINDS.iter().find(|(words, _)| self.is(at, words)).map(|(_, kind)| *kind)
    }

    /// The kind of what a right is granted on: a table unless said otherwise, a role where nothing is.
    fn kind_of_right(&self) -> ObjectKind {
        match self.find(&["ON"]) {
            Some(at) => self.kind(at + 1).unwrap_or(ObjectKind::Table),
            None => ObjectKind::Role,
        }
    }
}

const KINDS: &[(&[&str], ObjectKind)] = &[
    (&["TABLE", "TABLES"], ObjectKind::Table),
    (&["VIEW", "VIEWS"], ObjectKind::View),
    (&["SCHEMA", "SCHEMAS"], ObjectKind::Schema),
    (&["DATABASE", "DATABASES", "CATALOG"], ObjectKind::Database),
    (&["COLUMN", "COLUMNS"], ObjectKind::Column),
    (&["CONSTRAINT"], ObjectKind::Constraint),
    (&["PARTITION", "PARTITIONS"], ObjectKind::Partition),
    (&["INDEX"], ObjectKind::Index),
    (&["SEQUENCE", "SEQUENCES"], ObjectKind::Sequence),
    (&["TYPE", "DOMAIN"], ObjectKind::Type),
    (&["FUNCTION", "FUNCTIONS", "AGGREGATE", "MACRO"], ObjectKind::Function),
    (&["PROCEDURE", "PROCEDURES"], ObjectKind::Procedure),
    (&["ROLE", "GROUP"], ObjectKind::Role),
    (&["USER"], ObjectKind::User),
    (&["POLICY"], ObjectKind::Policy),
    (&["STAGE", "STAGES"], ObjectKind::Stage),
    (&["STREAM", "STREAMS"], ObjectKind::Stream),
    (&["TASK", "TASKS"], ObjectKind::Task),
    (&["PIPE", "PIPES"], ObjectKind::Pipe),
    (&["WAREHOUSE"], ObjectKind::Warehouse),
];

/// The tokens up to the bracket that closes what they begin in.
fn to_closing<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.is(b"(") {
            depth += 1;
        } else if token.is(b")") {
            if depth == 0 {
                return &tokens[..at];
            }
            depth -= 1;
        }
    }
    tokens
}
