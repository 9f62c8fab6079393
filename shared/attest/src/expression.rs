//! The closed rule language of spec/compliance/rules.md: expressions as JSON, typed before they are ever evaluated.

use std::collections::BTreeMap;

use clyra_evidence::fact::FactValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Deepest nesting of one expression: the catalogue's deepest is 6, and a recursive reader is safe at any stack size.
pub const EXPRESSION_DEPTH_MAX: usize = 16;
/// Most operators and operands in one expression: the catalogue's largest has about 40.
pub const EXPRESSION_NODES_MAX: usize = 256;
/// Largest magnitude of an integer: what every JSON reader can hold exactly (2⁵³ − 1).
pub const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// The type of a fact, a parameter or an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Yes or no.
    Bool,
    /// A whole number within ± [`INTEGER_MAX`].
    Int,
    /// Text, compared byte by byte.
    String,
    /// A time in the one written form, `2026-11-20T09:41:00.000Z`.
    Time,
    /// Texts in a stated order; as a set: of equal ones the first counts.
    List,
}

/// Whose clocks wrote the two times of a `notAfter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// One source's: compared exactly.
    Same,
    /// Two sources': within [`CLOCK_TOLERANCE_MS`] the order is not known.
    Across,
}

/// Two clocks within two minutes of each other do not tell which event came first (spec/compliance/rules.md, "Time").
pub const CLOCK_TOLERANCE_MS: i64 = 120_000;

/// One expression.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Expression(pub(crate) Node);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Const(FactValue),
    Fact(String),
    Param(String),
    Eq(Box<[Node; 2]>),
    Ne(Box<[Node; 2]>),
    Lt(Box<[Node; 2]>),
    Le(Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Any(Box<[Node; 2]>),
    All(Box<[Node; 2]>),
    NoneOf(Box<[Node; 2]>),
    Both(Box<[Node; 2]>),
    Minus(Box<[Node; 2]>),
    Exists(Box<Node>),
    Empty(Box<Node>),
    Count(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    NotAfter(Box<[Node; 2]>, Clock),
}

/// The JSON is not an expression of the language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Not an object with exactly one operator that the language has, or an operand of the wrong shape.
    #[error("not an expression: {0}")]
    Malformed(String),
    /// Nested deeper than [`EXPRESSION_DEPTH_MAX`] or larger than [`EXPRESSION_NODES_MAX`].
    #[error("an expression is too deep or too large")]
    TooLarge,
    /// An operand has another type than its operator takes.
    #[error("operator {operator}: {problem}")]
    Type {
        /// The operator.
        operator: &'static str,
        /// What it found.
        problem: String,
    },
    /// A fact or a parameter that the catalogue does not declare.
    #[error("{0} is not declared")]
    Undeclared(String),
}

/// Types of declared names, for checking expressions.
pub(crate) struct Declared<'a> {
    pub(crate) facts: BTreeMap<&'a str, ValueType>,
    pub(crate) parameters: BTreeMap<&'a str, ValueType>,
}

impl Expression {
    /// Names of the facts the expression reads, in order of first appearance.
    #[must_use]
    pub fn facts(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.0.each(&mut |node| {
            if let Node::Fact(name) = node
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        });
        names
    }

    /// Names of the parameters the expression reads, in order of first appearance.
    #[must_use]
    pub fn parameters(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.0.each(&mut |node| {
            if let Node::Param(name) = node
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        });
        names
    }

    /// Whether the order of times of two clocks is asked, so that the answer can be that it is not known.
    #[must_use]
    pub fn asks_across_clocks(&self) -> bool {
        let mut asks = false;
        self.0.each(&mut |node| asks |= matches!(node, Node::NotAfter(_, Clock::Across)));
        asks
    }

    /// Whether it is the constant `true`, which every list of rules ends with.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.0 == Node::Const(FactValue::Bool(true))
    }

    pub(crate) fn check(&self, declared: &Declared<'_>) -> Result<(), ExpressionError> {
        let found = self.0.type_of(declared)?;
        if found == ValueType::Bool { Ok(()) } else { Err(wrong("when", found)) }
    }
}

impl TryFrom<Value> for Expression {
    type Error = ExpressionError;

    fn try_from(json: Value) -> Result<Self, ExpressionError> {
        let mut nodes = 0;
        parse(&json, 1, &mut nodes).map(Self)
    }
}

fn parse(json: &Value, depth: usize, nodes: &mut usize) -> Result<Node, ExpressionError> {
    *nodes += 1;
    if depth > EXPRESSION_DEPTH_MAX || *nodes > EXPRESSION_NODES_MAX {
        return Err(ExpressionError::TooLarge);
    }
    let object = json.as_object().ok_or_else(|| malformed(json))?;
    if object.contains_key("notAfter") {
        return parse_not_after(json, depth, nodes);
    }
    let mut members = object.iter();
    let (Some((operator, operand)), None) = (members.next(), members.next()) else {
        return Err(malformed(json));
    };
    let name = || operand.as_str().map(str::to_owned).ok_or_else(|| malformed(json));
    let mut one = || parse(operand, depth + 1, nodes).map(Box::new);
    Ok(match operator.as_str() {
        "const" => Node::Const(constant(operand).ok_or_else(|| malformed(json))?),
        "fact" => Node::Fact(name()?),
        "param" => Node::Param(name()?),
        "exists" => Node::Exists(one()?),
        "empty" => Node::Empty(one()?),
        "count" => Node::Count(one()?),
        "not" => Node::Not(one()?),
        "and" => Node::And(many(operand, depth, nodes)?),
        "or" => Node::Or(many(operand, depth, nodes)?),
        "eq" => Node::Eq(two(operand, depth, nodes)?),
        "ne" => Node::Ne(two(operand, depth, nodes)?),
        "lt" => Node::Lt(two(operand, depth, nodes)?),
        "le" => Node::Le(two(operand, depth, nodes)?),
        "in" => Node::In(two(operand, depth, nodes)?),
        "any" => Node::Any(two(operand, depth, nodes)?),
        "all" => Node::All(two(operand, depth, nodes)?),
        "none" => Node::NoneOf(two(operand, depth, nodes)?),
        "both" => Node::Both(two(operand, depth, nodes)?),
        "minus" => Node::Minus(two(operand, depth, nodes)?),
        _ => return Err(malformed(json)),
    })
}

fn parse_not_after(json: &Value, depth: usize, nodes: &mut usize) -> Result<Node, ExpressionError> {
    let clock = match (json.as_object().map(serde_json::Map::len), json["clock"].as_str()) {
        (Some(2), Some("same")) => Clock::Same,
        (Some(2), Some("across")) => Clock::Across,
        _ => return Err(malformed(json)),
    };
    Ok(Node::NotAfter(two(&json["notAfter"], depth, nodes)?, clock))
}

fn many(operands: &Value, depth: usize, nodes: &mut usize) -> Result<Vec<Node>, ExpressionError> {
    let operands = operands.as_array().filter(|list| !list.is_empty()).ok_or_else(|| malformed(operands))?;
    operands.iter().map(|operand| parse(operand, depth + 1, nodes)).collect()
}

fn two(operands: &Value, depth: usize, nodes: &mut usize) -> Result<Box<[Node; 2]>, ExpressionError> {
    let Some([a, b]) = operands.as_array().map(Vec::as_slice) else {
        return Err(malformed(operands));
    };
    Ok(Box::new([parse(a, depth + 1, nodes)?, parse(b, depth + 1, nodes)?]))
}

/// A constant is a boolean, a whole number, a text or a list of texts; never null, which only a source can say.
fn constant(json: &Value) -> Option<FactValue> {
    let value: FactValue = serde_json::from_value(json.clone()).ok()?;
    (value != FactValue::Null && has_type(&value, natural_type(&value)?)).then_some(value)
}

fn malformed(json: &Value) -> ExpressionError {
    ExpressionError::Malformed(json.to_string().chars().take(120).collect())
}

fn wrong(operator: &'static str, found: ValueType) -> ExpressionError {
    ExpressionError::Type { operator, problem: format!("takes no {found:?}") }
}

/// The type that a value shows by itself; a time shows as text.
fn natural_type(value: &FactValue) -> Option<ValueType> {
    match value {
        FactValue::Null => None,
        FactValue::Bool(_) => Some(ValueType::Bool),
        FactValue::Int(_) => Some(ValueType::Int),
        FactValue::Text(_) => Some(ValueType::String),
        FactValue::List(_) => Some(ValueType::List),
    }
}

/// Whether a value has the type; a value that has not counts as not read.
pub(crate) fn has_type(value: &FactValue, expected: ValueType) -> bool {
    match (value, expected) {
        (FactValue::Bool(_), ValueType::Bool)
        | (FactValue::Text(_), ValueType::String)
        | (FactValue::List(_), ValueType::List) => true,
        (FactValue::Int(number), ValueType::Int) => (-INTEGER_MAX..=INTEGER_MAX).contains(number),
        (FactValue::Text(text), ValueType::Time) => {
            text.parse::<clyra_evidence::time::Timestamp>().is_ok_and(|time| time.to_string() == *text)
        }
        _ => false,
    }
}

impl Node {
    fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Const(_) | Self::Fact(_) | Self::Param(_) => {}
            Self::Exists(a) | Self::Empty(a) | Self::Count(a) | Self::Not(a) => a.each(visit),
            Self::And(list) | Self::Or(list) => list.iter().for_each(|node| node.each(visit)),
            Self::Eq(ab)
            | Self::Ne(ab)
            | Self::Lt(ab)
            | Self::Le(ab)
            | Self::In(ab)
            | Self::Any(ab)
            | Self::All(ab)
            | Self::NoneOf(ab)
            | Self::Both(ab)
            | Self::Minus(ab)
            | Self::NotAfter(ab, _) => ab.iter().for_each(|node| node.each(visit)),
        }
    }

    fn type_of(&self, declared: &Declared<'_>) -> Result<ValueType, ExpressionError> {
        let undeclared = |name: &String| ExpressionError::Undeclared(name.clone());
        let pair = |ab: &[Self; 2]| Ok((ab[0].type_of(declared)?, ab[1].type_of(declared)?));
        let lists = |operator, ab: &[Self; 2], result| match pair(ab)? {
            (ValueType::List, ValueType::List) => Ok(result),
            (ValueType::List, other) | (other, _) => Err(wrong(operator, other)),
        };
        let all_bool = |operator, list: &[Self]| {
            for node in list {
                let found = node.type_of(declared)?;
                if found != ValueType::Bool {
                    return Err(wrong(operator, found));
                }
            }
            Ok(ValueType::Bool)
        };
        let one = |operator, a: &Self, expected, result| match a.type_of(declared)? {
            found if found == expected => Ok(result),
            other => Err(wrong(operator, other)),
        };
        match self {
            Self::Const(value) => natural_type(value).ok_or_else(|| wrong("const", ValueType::String)),
            Self::Fact(name) => declared.facts.get(name.as_str()).copied().ok_or_else(|| undeclared(name)),
            Self::Param(name) => declared.parameters.get(name.as_str()).copied().ok_or_else(|| undeclared(name)),
            Self::Eq(ab) | Self::Ne(ab) => match pair(ab)? {
                (a, b) if a == b && a != ValueType::List => Ok(ValueType::Bool),
                (_, other) => Err(wrong("eq", other)),
            },
            Self::Lt(ab) | Self::Le(ab) => match pair(ab)? {
                (ValueType::Int, ValueType::Int) => Ok(ValueType::Bool),
                (ValueType::Int, other) | (other, _) => Err(wrong("lt", other)),
            },
            Self::In(ab) => match pair(ab)? {
                (ValueType::String, ValueType::List) => Ok(ValueType::Bool),
                (ValueType::String, other) | (other, _) => Err(wrong("in", other)),
            },
            Self::Any(ab) => lists("any", ab, ValueType::Bool),
            Self::All(ab) => lists("all", ab, ValueType::Bool),
            Self::NoneOf(ab) => lists("none", ab, ValueType::Bool),
            Self::Both(ab) => lists("both", ab, ValueType::List),
            Self::Minus(ab) => lists("minus", ab, ValueType::List),
            Self::Exists(a) => a.type_of(declared).map(|_| ValueType::Bool),
            Self::Empty(a) => one("empty", a, ValueType::List, ValueType::Bool),
            Self::Count(a) => one("count", a, ValueType::List, ValueType::Int),
            Self::Not(a) => one("not", a, ValueType::Bool, ValueType::Bool),
            Self::And(list) => all_bool("and", list),
            Self::Or(list) => all_bool("or", list),
            Self::NotAfter(ab, _) => match pair(ab)? {
                (ValueType::Time, ValueType::Time) => Ok(ValueType::Bool),
                (ValueType::Time, other) | (other, _) => Err(wrong("notAfter", other)),
            },
        }
    }
}

#[cfg(test)]
mod tests;
