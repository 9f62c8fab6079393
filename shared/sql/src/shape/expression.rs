//! Expressions: the columns they are made of, and the subqueries in them.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, TableFactor, Value,
    Visit, Visitor, WindowType,
};

use super::columns::{Source, Sources};
use super::query::Resolver;
use super::scope::Scope;
use crate::Unread;

/// Names that are a function's where no column is quoted.
const WITHOUT_BRACKETS: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_datetime",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "level",
    "localtime",
    "localtimestamp",
    "rownum",
    "session_user",
    "sysdate",
    "systimestamp",
    "user",
];

/// Functions that take a part of a date as a plain word.
const DATE_FUNCTIONS: &[&str] = &[
    "date_add",
    "date_diff",
    "date_part",
    "date_sub",
    "date_trunc",
    "dateadd",
    "datediff",
    "datepart",
    "datetime_add",
    "datetime_diff",
    "datetime_sub",
    "datetime_trunc",
    "last_day",
    "next_day",
    "time_add",
    "time_diff",
    "time_slice",
    "time_sub",
    "time_trunc",
    "timeadd",
    "timediff",
    "timestamp_add",
    "timestamp_diff",
    "timestamp_sub",
    "timestamp_trunc",
    "timestampadd",
    "timestampdiff",
    "trunc",
    "week",
    "normalize",
];

/// Plain words that such functions take, without a plural's `s`.
const DATE_PARTS: &[&str] = &[
    "century",
    "day",
    "dayofmonth",
    "dayofweek",
    "dayofweekiso",
    "dayofyear",
    "dd",
    "decade",
    "dow",
    "doy",
    "epoch",
    "epoch_second",
    "friday",
    "hh",
    "hour",
    "isodow",
    "isoweek",
    "isoyear",
    "mi",
    "microsecond",
    "millennium",
    "millisecond",
    "minute",
    "mm",
    "monday",
    "month",
    "nanosecond",
    "nfc",
    "nfd",
    "nfkc",
    "nfkd",
    "qtr",
    "quarter",
    "saturday",
    "second",
    "ss",
    "sunday",
    "thursday",
    "tuesday",
    "wednesday",
    "week",
    "weekday",
    "weekiso",
    "wk",
    "yy",
    "year",
    "yyyy",
];

/// Looks through a part of a tree. Subqueries are resolved where they are met first, and not entered.
pub(super) struct Sight<'r, 's> {
    resolver: &'r mut Resolver,
    /// Where names are looked up; `None` when only subqueries are looked for.
    scope: Option<&'s Scope>,
    depth: usize,
    sources: BTreeSet<Source>,
    unknown: bool,
    /// Expressions that look like a column and are none, by address.
    no_columns: HashSet<usize>,
}

impl<'r> Sight<'r, '_> {
    /// For subqueries only.
    pub(super) fn of_subqueries(resolver: &'r mut Resolver) -> Self {
        Self { resolver, scope: None, depth: 0, sources: BTreeSet::new(), unknown: false, no_columns: HashSet::new() }
    }

    pub(super) fn visit(&mut self, part: &impl Visit) -> Result<(), Unread> {
        match part.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(unread) => Err(unread),
        }
    }
}

impl<'s> Sight<'_, 's> {
    /// The columns that an expression is made of.
    pub(super) fn sources(resolver: &mut Resolver, scope: &'s Scope, expression: &Expr) -> Result<Sources, Unread> {
        let mut sight = Sight { scope: Some(scope), ..Sight::of_subqueries(resolver) };
        sight.visit(expression)?;
        Ok((!sight.unknown).then(|| Rc::new(sight.sources)))
    }

    fn column(&mut self, scope: &Scope, parts: &[Ident]) -> Result<(), Unread> {
        self.resolver.spend(scope.tables.len())?;
        if let [only] = parts
            && only.quote_style.is_none()
            && contains(WITHOUT_BRACKETS, &only.value)
        {
            self.unknown = true;
            return Ok(());
        }
        let parts: Vec<Rc<str>> = parts.iter().map(|part| self.resolver.name(part)).collect();
        match scope.column(&parts) {
            Some(sources) => {
                self.resolver.spend(sources.len())?;
                self.sources.extend(sources.iter().cloned());
            }
            None => self.unknown = true,
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of an argument, only plain words and strings may be a part of a date"
    )]
    fn function(&mut self, function: &Function) {
        if matches!(function.over, Some(WindowType::NamedWindow(_))) {
            self.unknown = true;
        }
        let name = match function.name.0.as_slice() {
            [part] => part.as_ident().map_or("", |ident| ident.value.as_str()),
            _ => "",
        };
        let FunctionArguments::List(list) = &function.args else { return };
        let mut words = Vec::new();
        let mut quoted_part = false;
        for argument in &list.args {
            let argument = match argument {
                FunctionArg::Named { arg, .. } | FunctionArg::Unnamed(arg) => arg,
                FunctionArg::ExprNamed { name, arg, .. } => {
                    self.no_columns.insert(std::ptr::from_ref(name).addr());
                    arg
                }
            };
            match argument {
                FunctionArgExpr::Expr(expression) => match expression {
                    Expr::Identifier(ident) if ident.quote_style.is_none() && is_date_part(&ident.value) => {
                        words.push(expression);
                    }
                    Expr::Value(value) => {
                        quoted_part |= matches!(&value.value, Value::SingleQuotedString(text) if is_date_part(text));
                    }
                    _ => {}
                },
                FunctionArgExpr::Wildcard if name.eq_ignore_ascii_case("count") => {}
                FunctionArgExpr::Wildcard
                | FunctionArgExpr::WildcardWithOptions(_)
                | FunctionArgExpr::QualifiedWildcard(_) => self.unknown = true,
            }
        }
        if contains(DATE_FUNCTIONS, name) && !quoted_part {
            match words.as_slice() {
                [word] => {
                    self.no_columns.insert(std::ptr::from_ref(*word).addr());
                }
                [] => {}
                _ => self.unknown = true,
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other expressions are what their parts are")]
    fn expression(&mut self, scope: &Scope, expression: &Expr) -> Result<(), Unread> {
        self.resolver.spend(1)?;
        match expression {
            _ if self.no_columns.contains(&std::ptr::from_ref(expression).addr()) => {}
            Expr::Identifier(ident) => self.column(scope, std::slice::from_ref(ident))?,
            Expr::CompoundIdentifier(parts) => self.column(scope, parts)?,
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    if let AccessExpr::Dot(field) = access {
                        self.no_columns.insert(std::ptr::from_ref(field).addr());
                        self.unknown |= !matches!(field, Expr::Identifier(_));
                    }
                }
            }
            Expr::Function(function) => self.function(function),
            Expr::Lambda(_) | Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => self.unknown = true,
            _ => {}
        }
        Ok(())
    }
}

impl Visitor for Sight<'_, '_> {
    type Break = Unread;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unread> {
        if self.depth == 0 {
            self.unknown = true;
            if !self.resolver.done.contains(&std::ptr::from_ref(query).addr())
                && let Err(unread) = self.resolver.query(query)
            {
                return ControlFlow::Break(unread);
            }
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Unread> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    /// Tables in corners of a `FROM` that have no columns of their own here.
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Unread> {
        if let TableFactor::Table { name, args: None, .. } = factor
            && self.depth == 0
            && !self.resolver.done.contains(&std::ptr::from_ref(factor).addr())
            && self.resolver.cte(name).is_none()
            && let Some(path) = self.resolver.path(name)
        {
            self.resolver.relation(path);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Unread> {
        if let (0, Some(scope)) = (self.depth, self.scope)
            && let Err(unread) = self.expression(scope, expression)
        {
            return ControlFlow::Break(unread);
        }
        ControlFlow::Continue(())
    }
}

fn contains(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_date_part(word: &str) -> bool {
    contains(DATE_PARTS, word) || word.strip_suffix(['s', 'S']).is_some_and(|word| contains(DATE_PARTS, word))
}
