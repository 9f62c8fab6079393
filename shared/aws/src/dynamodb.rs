//! A table in DynamoDB: partition key `p`, sort key `s`, version `v`, value `d`, and the mark `w` of the last write.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use clyra_ports::table::{
    Expected, KEY_BYTES_MAX, Order, PutRow, Range, Row, RowKey, Table, TableError, VALUE_BYTES_MAX,
};

use crate::Aws;
use crate::failure::{code, reason};

const PARTITION: &str = "p";
const SORT: &str = "s";
const VERSION: &str = "v";
const VALUE: &str = "d";
const WRITE: &str = "w";

/// One table. Reads are strongly consistent.
#[derive(Clone)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

type Item = HashMap<String, AttributeValue>;

impl Aws {
    /// The table called `name`.
    #[must_use]
    pub fn table(&self, name: &str) -> DynamoTable {
        DynamoTable { client: Client::new(self.config()), name: name.to_owned() }
    }
}

impl fmt::Debug for DynamoTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoTable").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, key: &RowKey) -> Result<Option<Row>, TableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(PARTITION, AttributeValue::S(key.partition.clone()))
            .key(SORT, AttributeValue::S(key.sort.clone()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(reason("dynamodb:GetItem", &error)))?;
        answer.item.map(row).transpose()
    }

    async fn put(&self, key: &RowKey, value: &[u8], expected: Expected) -> Result<PutRow, TableError> {
        check_limits(key, value)?;
        let version = match expected {
            Expected::Absent => 1,
            Expected::Version(seen) => seen.saturating_add(1),
        };
        let mark = mark()?;
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PARTITION, AttributeValue::S(key.partition.clone()))
            .item(SORT, AttributeValue::S(key.sort.clone()))
            .item(VERSION, AttributeValue::N(version.to_string()))
            .item(VALUE, AttributeValue::B(Blob::new(value)))
            .item(WRITE, AttributeValue::B(Blob::new(mark)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match expected {
            Expected::Absent => put.condition_expression("attribute_not_exists(p)"),
            Expected::Version(seen) => put
                .condition_expression("v = :seen")
                .expression_attribute_values(":seen", AttributeValue::N(seen.to_string())),
        };
        let Err(error) = put.send().await else {
            return Ok(PutRow::Stored(version));
        };
        if let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() {
            // A try whose answer was lost may have been the one that wrote: the item bears our mark then.
            let ours = refused.item().and_then(|item| item.get(WRITE)) == Some(&AttributeValue::B(Blob::new(mark)));
            return Ok(if ours { PutRow::Stored(version) } else { PutRow::Refused });
        }
        let too_large = code(&error) == Some("ValidationException");
        let reason = reason("dynamodb:PutItem", &error);
        Err(if too_large { TableError::TooLarge { reason } } else { unavailable(reason) })
    }

    async fn range(&self, partition: &str, range: &Range) -> Result<Vec<Row>, TableError> {
        if let (Some(after), Some(before)) = (&range.after, &range.before)
            && after >= before
        {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        let mut start = None;
        while rows.len() < range.limit {
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(range.order == Order::Ascending)
                .key_condition_expression(condition(range))
                .set_expression_attribute_values(Some(bounds(partition, range)))
                .set_exclusive_start_key(start)
                .limit(page_size(range.limit - rows.len()))
                .send()
                .await
                .map_err(|error| unavailable(reason("dynamodb:Query", &error)))?;
            start = page.last_evaluated_key;
            for item in page.items.unwrap_or_default() {
                let row = row(item)?;
                if rows.len() < range.limit && is_between(&row.key.sort, range) {
                    rows.push(row);
                }
            }
            if start.is_none() {
                break;
            }
        }
        Ok(rows)
    }
}

/// A query knows one condition on the sort key; `BETWEEN` takes its bounds in, so they are dropped afterwards.
fn condition(range: &Range) -> &'static str {
    match (&range.after, &range.before) {
        (None, None) => "p = :p",
        (Some(_), None) => "p = :p AND s > :after",
        (None, Some(_)) => "p = :p AND s < :before",
        (Some(_), Some(_)) => "p = :p AND s BETWEEN :after AND :before",
    }
}

fn bounds(partition: &str, range: &Range) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut values = Item::from([(":p".to_owned(), text(partition))]);
    values.extend(range.after.as_deref().map(|after| (":after".to_owned(), text(after))));
    values.extend(range.before.as_deref().map(|before| (":before".to_owned(), text(before))));
    values
}

fn is_between(sort: &str, range: &Range) -> bool {
    range.after.as_deref().is_none_or(|after| sort > after)
        && range.before.as_deref().is_none_or(|before| sort < before)
}

/// Room for the two bounds, which are dropped.
fn page_size(wanted: usize) -> i32 {
    i32::try_from(wanted.saturating_add(2)).unwrap_or(i32::MAX)
}

fn row(mut item: Item) -> Result<Row, TableError> {
    let mut take = |name: &str| item.remove(name);
    let (partition, sort, version, value) = (take(PARTITION), take(SORT), take(VERSION), take(VALUE));
    match (partition, sort, version, value) {
        (
            Some(AttributeValue::S(partition)),
            Some(AttributeValue::S(sort)),
            Some(AttributeValue::N(version)),
            Some(AttributeValue::B(value)),
        ) => Ok(Row {
            key: RowKey { partition, sort },
            version: version.parse().map_err(|_| foreign())?,
            value: value.into_inner(),
        }),
        _ => Err(foreign()),
    }
}

fn check_limits(key: &RowKey, value: &[u8]) -> Result<(), TableError> {
    let too_large = |what: &str, max: usize| {
        let reason = format!("the {what} has more than {max} bytes");
        Err(TableError::TooLarge { reason })
    };
    if key.partition.len() > KEY_BYTES_MAX {
        return too_large("partition key", KEY_BYTES_MAX);
    }
    if key.sort.len() > KEY_BYTES_MAX {
        return too_large("sort key", KEY_BYTES_MAX);
    }
    if value.len() > VALUE_BYTES_MAX {
        return too_large("value", VALUE_BYTES_MAX);
    }
    Ok(())
}

/// Names one write, so that a writer knows its own.
fn mark() -> Result<[u8; 16], TableError> {
    let mut mark = [0; 16];
    getrandom::fill(&mut mark).map_err(|_| unavailable("the machine gives no random numbers".to_owned()))?;
    Ok(mark)
}

fn foreign() -> TableError {
    TableError::Corrupt { reason: "an item was not written by Clyra".to_owned() }
}

fn unavailable(reason: String) -> TableError {
    TableError::Unavailable { reason }
}
