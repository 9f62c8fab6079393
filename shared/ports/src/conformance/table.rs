//! The contract of [`Table`].

use super::together;
use crate::table::{self, Expected, KEY_BYTES_MAX, Order, PutRow, Range, RowKey, Table, TableError, VALUE_BYTES_MAX};

/// Writers that meet at one item.
const WRITERS: usize = 16;
/// Updates of each of them.
const UPDATES: usize = 8;

/// Every rule of this file.
pub async fn all(table: &dyn Table, seed: &str) {
    an_item_is_read_as_it_was_written(table, seed).await;
    nothing_is_written_blindly(table, seed).await;
    exactly_one_of_many_first_writers_wins(table, seed).await;
    no_concurrent_update_is_lost(table, seed).await;
    a_range_lies_strictly_between_its_bounds(table, seed).await;
    a_range_keeps_to_order_and_limit(table, seed).await;
    a_range_is_in_byte_order(table, seed).await;
    partitions_are_apart(table, seed).await;
    limits_hold_for_keys_and_values(table, seed).await;
}

/// `get` and `range` see a write that returned, with version 1 first and counting up.
pub async fn an_item_is_read_as_it_was_written(table: &dyn Table, seed: &str) {
    let key = RowKey::new(format!("{seed}#read"), "item");
    assert_eq!(table.get(&key).await.expect("get"), None);
    let mut expected = Expected::Absent;
    for version in 1..=3 {
        let value = format!("{{\"n\":{version}}}").into_bytes();
        assert_eq!(table.put(&key, &value, expected).await.expect("put"), PutRow::Stored(version));
        let row = table.get(&key).await.expect("get").expect("the item that was written");
        assert_eq!((row.version, &row.value, &row.key), (version, &value, &key));
        assert_eq!(table.range(&key.partition, &everything()).await.expect("range"), [row]);
        expected = Expected::Version(version);
    }
}

/// A writer that has not seen the item as it is changes nothing.
pub async fn nothing_is_written_blindly(table: &dyn Table, seed: &str) {
    let key = RowKey::new(format!("{seed}#blind"), "item");
    assert_eq!(table.put(&key, b"\"no\"", Expected::Version(1)).await.expect("put"), PutRow::Refused);
    assert_eq!(table.get(&key).await.expect("get"), None);
    assert_eq!(table.put(&key, b"\"one\"", Expected::Absent).await.expect("put"), PutRow::Stored(1));
    assert_eq!(table.put(&key, b"\"two\"", Expected::Version(1)).await.expect("put"), PutRow::Stored(2));
    for stale in [Expected::Absent, Expected::Version(0), Expected::Version(1), Expected::Version(3)] {
        assert_eq!(table.put(&key, b"\"no\"", stale).await.expect("put"), PutRow::Refused, "{stale:?}");
        let row = table.get(&key).await.expect("get").expect("the item");
        assert_eq!((row.version, row.value.as_slice()), (2, b"\"two\"".as_slice()));
    }
}

/// Of many writers that saw nothing one writes.
pub async fn exactly_one_of_many_first_writers_wins(table: &dyn Table, seed: &str) {
    let key = RowKey::new(format!("{seed}#first"), "item");
    let values: Vec<Vec<u8>> = (0..WRITERS).map(|n| n.to_string().into_bytes()).collect();
    let answers = together(values.iter().map(|value| table.put(&key, value, Expected::Absent)).collect()).await;
    let won: Vec<&Vec<u8>> = answers
        .into_iter()
        .zip(&values)
        .filter(|(answer, _)| *answer.as_ref().expect("put") == PutRow::Stored(1))
        .map(|(_, value)| value)
        .collect();
    let row = table.get(&key).await.expect("get").expect("the item");
    assert_eq!((won, row.version), (vec![&row.value], 1));
}

/// Optimistic writers that read, change and write until they win lose no change.
pub async fn no_concurrent_update_is_lost(table: &dyn Table, seed: &str) {
    let key = RowKey::new(format!("{seed}#count"), "item");
    let writer = async || {
        for _ in 0..UPDATES {
            // `update` gives up after a while of losing; a counter must not.
            while let Err(error) = table::update(table, &key, |n: Option<usize>| Some(n.unwrap_or(0) + 1)).await {
                assert!(matches!(error, TableError::Contended), "{error}");
            }
        }
    };
    together((0..WRITERS).map(|_| writer()).collect()).await;
    let row = table.get(&key).await.expect("get").expect("the item");
    let count: usize = table::document(&row).expect("a number");
    assert_eq!((count, row.version), (WRITERS * UPDATES, (WRITERS * UPDATES) as u64));
}

/// Both bounds are exclusive, and neither need be an item.
pub async fn a_range_lies_strictly_between_its_bounds(table: &dyn Table, seed: &str) {
    let partition = partition_of(table, &format!("{seed}#bounds"), &["a", "b", "c", "d"]).await;
    let cases: [(Option<&str>, Option<&str>, &[&str]); 9] = [
        (None, None, &["a", "b", "c", "d"]),
        (Some("a"), None, &["b", "c", "d"]),
        (None, Some("d"), &["a", "b", "c"]),
        (Some("a"), Some("d"), &["b", "c"]),
        (Some("aa"), Some("cc"), &["b", "c"]),
        (Some("b"), Some("c"), &[]),
        (Some("d"), None, &[]),
        (None, Some("a"), &[]),
        (Some("c"), Some("b"), &[]),
    ];
    for (after, before, expected) in cases {
        for order in [Order::Ascending, Order::Descending] {
            let bounds = (after.map(str::to_owned), before.map(str::to_owned));
            let range = Range { after: bounds.0, before: bounds.1, order, limit: 100 };
            let mut expected = expected.to_vec();
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(sorts(table, &partition, &range).await, expected, "{range:?}");
        }
    }
}

/// A limit cuts at the far end of the order.
pub async fn a_range_keeps_to_order_and_limit(table: &dyn Table, seed: &str) {
    let partition = partition_of(table, &format!("{seed}#limit"), &["a", "b", "c", "d", "e"]).await;
    for (order, limit, expected) in [
        (Order::Ascending, 2, vec!["a", "b"]),
        (Order::Descending, 2, vec!["e", "d"]),
        (Order::Ascending, 5, vec!["a", "b", "c", "d", "e"]),
        (Order::Descending, 9, vec!["e", "d", "c", "b", "a"]),
        (Order::Ascending, 0, vec![]),
    ] {
        let range = Range { order, limit, ..everything() };
        assert_eq!(sorts(table, &partition, &range).await, expected, "{range:?}");
    }
}

/// Sort keys are ordered by their bytes: capitals before small letters, `10` before `2`, ASCII before the rest.
pub async fn a_range_is_in_byte_order(table: &dyn Table, seed: &str) {
    let keys = ["2", "10", "B", "a", "é", "z", "a#1", "a-1", "日", "😀"];
    let partition = partition_of(table, &format!("{seed}#bytes"), &keys).await;
    let mut expected = keys.to_vec();
    expected.sort_unstable();
    assert_eq!(sorts(table, &partition, &everything()).await, expected);
}

/// A range ends with its partition, whatever the names of the neighbours.
pub async fn partitions_are_apart(table: &dyn Table, seed: &str) {
    for name in ["p", "p#", "p#1", "pp", "o"] {
        partition_of(table, &format!("{seed}#{name}"), &["x", "y"]).await;
    }
    for name in ["p", "p#", "p#1", "pp", "o"] {
        let rows = table.range(&format!("{seed}#{name}"), &everything()).await.expect("range");
        let partitions: Vec<&str> = rows.iter().map(|row| row.key.partition.as_str()).collect();
        assert_eq!(partitions, [format!("{seed}#{name}"), format!("{seed}#{name}")]);
    }
    assert_eq!(table.range(&format!("{seed}#none"), &everything()).await.expect("range"), []);
}

/// What is at a limit is kept whole; one byte more is [`TableError::TooLarge`] and writes nothing.
pub async fn limits_hold_for_keys_and_values(table: &dyn Table, seed: &str) {
    let sort = "s".repeat(KEY_BYTES_MAX);
    let key = RowKey::new(format!("{seed}#limits"), &sort);
    let value = format!("\"{}\"", "v".repeat(VALUE_BYTES_MAX - 2)).into_bytes();
    assert_eq!(table.put(&key, &value, Expected::Absent).await.expect("put"), PutRow::Stored(1));
    let row = table.get(&key).await.expect("get").expect("the item");
    assert!(row.value == value, "a value at the limit came back changed");

    let long = "s".repeat(KEY_BYTES_MAX + 1);
    let large = vec![b' '; VALUE_BYTES_MAX + 1];
    let partition = format!("{seed}#limits");
    for (key, value) in [
        (RowKey::new(&partition, &long), b"1".as_slice()),
        (RowKey::new(&long, "item"), b"1".as_slice()),
        (RowKey::new(&partition, "item"), large.as_slice()),
    ] {
        match table.put(&key, value, Expected::Absent).await {
            Err(TableError::TooLarge { .. }) => {}
            other => panic!("what passes a limit must be TooLarge, not {other:?}"),
        }
    }
    assert_eq!(table.range(&partition, &everything()).await.expect("range").len(), 1);
}

fn everything() -> Range {
    Range { after: None, before: None, order: Order::Ascending, limit: 1_000 }
}

async fn partition_of(table: &dyn Table, partition: &str, sorts: &[&str]) -> String {
    for sort in sorts {
        let key = RowKey::new(partition, *sort);
        assert_eq!(table.put(&key, b"true", Expected::Absent).await.expect("put"), PutRow::Stored(1));
    }
    partition.to_owned()
}

async fn sorts(table: &dyn Table, partition: &str, range: &Range) -> Vec<String> {
    let rows = table.range(partition, range).await.expect("range");
    rows.into_iter().map(|row| row.key.sort).collect()
}
