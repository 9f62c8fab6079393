//! The little SQL that the stand-in understands: one `SELECT` over one of the two histories, with a window of time and a list of
//! ids that is bound. Whatever it does not understand fails, as it would at Snowflake.

use serde_json::Value;

use super::Query;

/// Which history is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// `INFORMATION_SCHEMA.QUERY_HISTORY`.
    Recent,
    /// `ACCOUNT_USAGE.QUERY_HISTORY`.
    Account,
}

/// A statement that was understood.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) view: View,
    /// The beginning of the window, in seconds since the epoch.
    pub(super) from: i64,
    to: i64,
    ids: Vec<String>,
    pub(super) columns: Vec<String>,
    expressions: Vec<String>,
}

const RECENT: &str = "FROM TABLE(SNOWFLAKE.INFORMATION_SCHEMA.QUERY_HISTORY(";
const ACCOUNT: &str = "FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY ";
const IN_LIST: &str = "QUERY_ID IN (SELECT VALUE::VARCHAR FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))";

impl Asked {
    pub(super) fn read(body: &Value) -> Result<Self, &'static str> {
        let text = body["statement"].as_str().ok_or("SQL compilation error: no statement")?;
        let select = text.strip_prefix("SELECT ").ok_or("SQL compilation error: only SELECT is granted")?;
        if text.contains(';') || text.matches('?').count() != 1 || !text.ends_with(IN_LIST) {
            return Err("SQL compilation error: syntax error");
        }
        let (view, (columns, from)) = match (select.split_once(RECENT), select.split_once(ACCOUNT)) {
            (Some(parts), None) => (View::Recent, parts),
            (None, Some(parts)) => (View::Account, parts),
            _ => return Err("SQL compilation error: object does not exist or not authorized"),
        };
        let mut times = from.split("TO_TIMESTAMP_LTZ(").skip(1).map(milliseconds);
        let (Some(Some(from)), Some(Some(to)), None) = (times.next(), times.next(), times.next()) else {
            return Err("SQL compilation error: a window of two times is expected");
        };
        let bound = &body["bindings"]["1"];
        let ids = bound["value"].as_str().filter(|_| bound["type"] == "TEXT");
        let ids = ids.and_then(|text| serde_json::from_str(text).ok()).ok_or("Error parsing JSON")?;
        let expressions = split(columns);
        let columns = expressions
            .iter()
            .map(|expression| expression.rsplit_once(" AS ").map_or(expression.as_str(), |(_, name)| name).to_owned())
            .collect();
        Ok(Self { view, from: from / 1_000, to: to.div_euclid(1_000) + 1, ids, columns, expressions })
    }

    pub(super) fn holds(&self, query: &Query) -> bool {
        let at = match self.view {
            View::Recent => query.end,
            View::Account => query.start,
        };
        (self.from..=self.to).contains(&at.as_second()) && self.ids.contains(&query.id)
    }

    /// Every value as a text, whatever its type.
    pub(super) fn row(&self, query: &Query) -> Vec<Value> {
        self.expressions
            .iter()
            .map(|expression| {
                let expression = expression.split(" AS ").next().unwrap_or_default();
                match expression {
                    "QUERY_ID" => query.id.clone().into(),
                    "USER_NAME" => query.user.clone().into(),
                    "QUERY_TYPE" => query.kind.clone().into(),
                    "EXECUTION_STATUS" => self.status(query).into(),
                    "DATE_PART(EPOCH_MILLISECOND, START_TIME)" => query.start.as_millisecond().to_string().into(),
                    "DATE_PART(EPOCH_MILLISECOND, END_TIME)" => query.end.as_millisecond().to_string().into(),
                    "ROWS_PRODUCED" => query.rows_produced.map(|rows| rows.to_string()).into(),
                    "ROWS_INSERTED + ROWS_UPDATED + ROWS_DELETED" => query.rows_inserted.to_string().into(),
                    _ => Value::Null,
                }
            })
            .collect()
    }

    /// The two histories have words of their own.
    fn status(&self, query: &Query) -> String {
        match (self.view, query.status.as_str()) {
            (View::Recent, "FAIL") => "FAILED_WITH_ERROR".to_owned(),
            (View::Recent, "INCIDENT") => "FAILED_WITH_INCIDENT".to_owned(),
            (_, status) => status.to_owned(),
        }
    }
}

fn milliseconds(text: &str) -> Option<i64> {
    text.split_once(", 3)")?.0.parse().ok()
}

/// The expressions of a list, cut at commas outside of parentheses.
fn split(list: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in list.trim().chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}
