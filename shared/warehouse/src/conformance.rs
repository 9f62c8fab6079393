//! The contract of [`QueryHistory`]: one plain function per rule, for the tests of every adapter. A
//! function is named for its rule and panics when the adapter breaks it.

use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::Window;
use clyra_evidence::text::UntrustedText;

use crate::history::{LookUpError, QueryHistory};

/// One answer a query, in their order, however often one stands in the list; and the same again.
pub async fn answers_come_in_the_order_of_the_queries(
    history: &dyn QueryHistory,
    known: &[QueryIds],
    unknown: &QueryIds,
    window: Window,
) {
    let mut queries: Vec<QueryIds> = known.to_vec();
    queries.insert(0, unknown.clone());
    queries.push(unknown.clone());
    queries.extend(known.iter().rev().cloned());
    let answers = history.look_up(&queries, window).await;
    assert_eq!(answers.len(), queries.len(), "one answer a query");
    for (query, answer) in queries.iter().zip(&answers) {
        assert_eq!(answer.is_ok(), query != unknown, "{query:?}: {answer:?}");
        let alone = history.look_up(std::slice::from_ref(query), window).await;
        assert_eq!(alone.first(), Some(answer), "{query:?}: the answer depends on the others");
    }
}

/// Nothing is asked about nothing.
pub async fn no_queries_have_no_answers(history: &dyn QueryHistory, window: Window) {
    assert!(history.look_up(&[], window).await.is_empty(), "no query, no answer");
}

/// Ids come from outside. One that no query can have is not found, and harms no other.
pub async fn a_hostile_id_is_not_found(history: &dyn QueryHistory, known: &QueryIds, window: Window) {
    let hostile = [
        "",
        "'",
        "') OR 1=1 --",
        "../../statements",
        "a?b#c",
        "\u{0}\n\r\t",
        "\"]}",
        "%2e%2e%2f",
        "\u{202e}01b2c3d4-0000-0000-0000-000000000001",
    ];
    let text = |text: &str| Some(UntrustedText::new(text));
    let mut queries: Vec<QueryIds> = hostile
        .iter()
        .flat_map(|id| {
            let by_query = QueryIds { query_id: text(id), ..QueryIds::default() };
            let by_job = QueryIds { job_id: text(id), project_id: text("project"), ..QueryIds::default() };
            let by_project = QueryIds { job_id: text("job"), project_id: text(id), ..QueryIds::default() };
            [by_query, by_job, by_project]
        })
        .collect();
    queries.push(QueryIds::default());
    queries.push(known.clone());
    let answers = history.look_up(&queries, window).await;
    let (last, others) = answers.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
    for (query, answer) in queries.iter().zip(others) {
        assert_eq!(answer, &Err(LookUpError::NotFound), "{query:?}");
    }
    assert!(last.is_some_and(Result::is_ok), "{last:?}: a hostile id harmed another query's answer");
}

/// What cannot be asked gives every query the same error, which says whether to try again.
pub async fn a_failure_is_every_querys(
    history: &dyn QueryHistory,
    queries: &[QueryIds],
    window: Window,
    expected: &LookUpError,
) {
    let answers = history.look_up(queries, window).await;
    assert_eq!(answers.len(), queries.len(), "one answer a query");
    for answer in &answers {
        assert_eq!(answer.as_ref().err(), Some(expected));
    }
}
