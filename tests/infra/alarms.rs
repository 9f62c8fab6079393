//! Alarms on log lines: what a filter waits for is what the code says, and what the code says for an alarm is waited for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::evidence::{code, sources};
use crate::template::{Function, Template, root};

/// The one comparison of a filter: `{ $.field = "value" }`.
fn comparison(filter: &Value) -> (String, String) {
    let pattern = filter["Properties"]["FilterPattern"].as_str().unwrap();
    let inner = pattern.strip_prefix("{ $.").and_then(|rest| rest.strip_suffix("\" }"));
    let (field, value) = inner.and_then(|inner| inner.split_once(" = \"")).expect("{ $.field = \"value\" }");
    (field.to_owned(), value.to_owned())
}

/// The sources that log for a function.
fn said_by(function: &Function) -> String {
    let mut files = sources(&function.folder().join("src"));
    files.extend(sources(&root().join("shared/receive/src")));
    files.iter().map(|path| code(path)).collect()
}

fn function_of(template: &Template, filter: &Value) -> Function {
    let group = filter["Properties"]["LogGroupName"]["Ref"].as_str().unwrap();
    let logical = group.strip_suffix("Logs").unwrap();
    template.functions().into_iter().find(|function| function.logical == logical).expect("the group of a function")
}

#[test]
fn every_filter_waits_for_what_its_function_logs_and_has_an_alarm() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    assert!(filters.len() >= 5);
    for (name, filter) in filters {
        let said = said_by(&function_of(&template, filter));
        let (field, value) = comparison(filter);
        let is_said = match field.as_str() {
            // A message begins with its word; the rest of it is for people.
            "message" => value.strip_suffix('*').is_some_and(|begin| said.contains(&format!("\"{begin} "))),
            // The name of a delivery's outcome, logged by the receiver for every answer.
            "outcome" => said.contains(&format!("=> \"{value}\",")) && said.contains("tracing::error!(outcome,"),
            _ => false,
        };
        assert!(is_said, "{name}: {field} = {value} is never logged");
        let metric = &filter["Properties"]["MetricTransformations"][0];
        let watched = alarms.iter().any(|(_, alarm)| {
            let alarm = &alarm["Properties"];
            alarm["MetricName"] == metric["MetricName"] && alarm["Namespace"] == metric["MetricNamespace"]
        });
        assert!(watched, "{name}: no alarm on {}", metric["MetricName"]);
    }
}

#[test]
fn what_is_said_for_an_alarm_is_waited_for() {
    let template = Template::read();
    let filters = template.of_type("AWS::Logs::MetricFilter");
    let waited: BTreeSet<(String, String)> =
        filters.into_iter().map(|(_, filter)| (function_of(&template, filter).bin, comparison(filter).1)).collect();
    for function in template.functions() {
        for path in sources(&function.folder().join("src")) {
            for word in alarming(&code(&path)) {
                let wanted = (function.bin.clone(), format!("{word}:*"));
                assert!(waited.contains(&wanted), "{}: nobody waits for {word}", function.bin);
            }
        }
    }
}

/// The words of messages that begin with one, such as `ticket.overflow: …`.
fn alarming(source: &str) -> Vec<&str> {
    let literals = source.split('"').filter_map(|text| text.split_once(": ").map(|(word, _)| word));
    let is_word = |word: &&str| {
        word.split_once('.').is_some_and(|(of, what)| {
            [of, what].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        })
    };
    literals.filter(is_word).collect()
}

#[test]
fn words_are_found() {
    let source = r#"error!(a = 1, "ticket.overflow: the limit"); f("a run: {x}"); g("https://a.b/c")"#;
    assert_eq!(alarming(source), ["ticket.overflow"]);
}
