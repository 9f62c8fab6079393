use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn declared() -> Declared<'static> {
    let facts = [
        ("flag", ValueType::Bool),
        ("number", ValueType::Int),
        ("name", ValueType::String),
        ("at", ValueType::Time),
        ("list", ValueType::List),
    ];
    Declared { facts: BTreeMap::from(facts), parameters: BTreeMap::from([("most", ValueType::Int)]) }
}

fn check(json: Value) -> Result<(), ExpressionError> {
    Expression::try_from(json)?.check(&declared())
}

#[test]
fn takes_every_operator_with_the_types_it_is_for() {
    for good in [
        json!({"const": true}),
        json!({"fact": "flag"}),
        json!({"eq": [{"fact": "name"}, {"const": "main"}]}),
        json!({"ne": [{"fact": "number"}, {"param": "most"}]}),
        json!({"lt": [{"fact": "number"}, {"const": 3}]}),
        json!({"le": [{"count": {"fact": "list"}}, {"param": "most"}]}),
        json!({"in": [{"fact": "name"}, {"const": ["a", "b"]}]}),
        json!({"any": [{"fact": "list"}, {"const": ["a"]}]}),
        json!({"all": [{"fact": "list"}, {"both": [{"fact": "list"}, {"const": ["a"]}]}]}),
        json!({"none": [{"fact": "list"}, {"minus": [{"fact": "list"}, {"const": []}]}]}),
        json!({"exists": {"fact": "at"}}),
        json!({"and": [{"empty": {"fact": "list"}}, {"not": {"or": [{"fact": "flag"}]}}]}),
        json!({"notAfter": [{"fact": "at"}, {"fact": "at"}], "clock": "across"}),
    ] {
        assert_eq!(check(good.clone()), Ok(()), "{good}");
    }
}

#[test]
fn refuses_what_the_language_does_not_have() {
    for bad in [
        json!(true),
        json!({}),
        json!({"const": null}),
        json!({"const": 1.5}),
        json!({"const": [1]}),
        json!({"const": INTEGER_MAX + 1}),
        json!({"regex": "x"}),
        json!({"fact": 1}),
        json!({"and": []}),
        json!({"eq": [{"const": 1}]}),
        json!({"fact": "flag", "param": "most"}),
        json!({"notAfter": [{"fact": "at"}, {"fact": "at"}]}),
        json!({"notAfter": [{"fact": "at"}, {"fact": "at"}], "clock": "wall"}),
    ] {
        assert!(matches!(check(bad.clone()), Err(ExpressionError::Malformed(_))), "{bad}");
    }
    for bad in [
        json!({"fact": "number"}),
        json!({"eq": [{"fact": "name"}, {"const": 1}]}),
        json!({"eq": [{"fact": "list"}, {"fact": "list"}]}),
        json!({"lt": [{"fact": "name"}, {"const": 1}]}),
        json!({"in": [{"fact": "number"}, {"fact": "list"}]}),
        json!({"all": [{"fact": "list"}, {"fact": "name"}]}),
        json!({"empty": {"fact": "name"}}),
        json!({"not": {"fact": "number"}}),
        json!({"notAfter": [{"fact": "at"}, {"fact": "name"}], "clock": "same"}),
    ] {
        assert!(matches!(check(bad.clone()), Err(ExpressionError::Type { .. })), "{bad}");
    }
    assert_eq!(check(json!({"fact": "nothing"})), Err(ExpressionError::Undeclared("nothing".to_owned())));
}

#[test]
fn refuses_what_is_too_deep_or_too_large() {
    let nested = |depth| (1..depth).fold(json!({"fact": "flag"}), |inner, _| json!({ "not": inner }));
    assert_eq!(check(nested(EXPRESSION_DEPTH_MAX)), Ok(()));
    assert_eq!(check(nested(EXPRESSION_DEPTH_MAX + 1)), Err(ExpressionError::TooLarge));
    let wide = |n: usize| json!({ "or": vec![json!({"fact": "flag"}); n] });
    assert_eq!(check(wide(EXPRESSION_NODES_MAX - 1)), Ok(()));
    assert_eq!(check(wide(EXPRESSION_NODES_MAX)), Err(ExpressionError::TooLarge));
}
