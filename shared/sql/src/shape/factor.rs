//! What stands behind `FROM` and `JOIN`.

use std::collections::BTreeSet;
use std::rc::Rc;

use sqlparser::ast::{
    Ident, Join, JoinConstraint, JoinOperator, LateralView, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use super::columns::{Column, Columns, Name, Star};
use super::query::Resolver;
use super::scope::{Scope, Table};
use crate::Unread;
use crate::dialect::Dialect;

impl Resolver {
    pub(super) fn joined(&mut self, tables: &TableWithJoins, scope: &mut Scope) -> Result<(), Unread> {
        self.factor(&tables.relation, scope)?;
        for join in &tables.joins {
            self.join(join, scope)?;
        }
        Ok(())
    }

    fn join(&mut self, join: &Join, scope: &mut Scope) -> Result<(), Unread> {
        let before = scope.tables.len();
        self.factor(&join.relation, scope)?;
        let constraint = match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::StraightJoin(constraint)
            | JoinOperator::AsOf { constraint, .. } => constraint,
            // The right side filters and gives no columns.
            JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) => {
                scope.tables.truncate(before);
                return Ok(());
            }
            JoinOperator::RightSemi(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => {
                scope.unclear = true;
                return Ok(());
            }
        };
        match constraint {
            JoinConstraint::Using(names) | JoinConstraint::UsingAlias(names, _) => {
                let merged = names.iter().filter_map(|name| name.0.last()?.as_ident());
                scope.merged.extend(merged.map(|ident| self.name(ident)));
            }
            JoinConstraint::Natural => scope.unclear = true,
            JoinConstraint::On(_) | JoinConstraint::None => {}
        }
        Ok(())
    }

    fn factor(&mut self, factor: &TableFactor, scope: &mut Scope) -> Result<(), Unread> {
        self.spend(1)?;
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let address = std::ptr::from_ref(factor).addr();
                self.done.insert(address);
                self.named(name, alias.as_ref(), scope)?;
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let mut columns = self.query(subquery)?;
                if *lateral {
                    // It may read the tables before it.
                    self.spend(columns.list.len())?;
                    columns = Rc::new(columns.without_sources());
                }
                self.add(None, Vec::new(), columns, alias.as_ref(), scope)?;
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.joined(table_with_joins, scope)?,
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.joined(table_with_joins, &mut Scope::default())?;
                self.add_unknown(alias.as_ref(), scope)?;
            }
            TableFactor::Pivot { table, alias, .. }
            | TableFactor::Unpivot { table, alias, .. }
            | TableFactor::MatchRecognize { table, alias, .. } => {
                self.factor(table, &mut Scope::default())?;
                self.add_unknown(alias.as_ref(), scope)?;
            }
            TableFactor::Table { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::JsonTable { alias, .. }
            | TableFactor::OpenJsonTable { alias, .. }
            | TableFactor::XmlTable { alias, .. }
            | TableFactor::SemanticView { alias, .. } => self.add_unknown(alias.as_ref(), scope)?,
            TableFactor::UnpivotExpr { .. } => self.add_unknown(None, scope)?,
        }
        Ok(())
    }

    /// A table, a common table expression, or the elements of an array that a table before has.
    fn named(&mut self, name: &ObjectName, alias: Option<&TableAlias>, scope: &mut Scope) -> Result<(), Unread> {
        let idents: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
        let Some(idents) = idents else { return self.add_unknown(alias, scope) };
        let names: Vec<Rc<str>> = idents.iter().map(|ident| self.name(ident)).collect();
        if let Some(columns) = self.cte(name) {
            return self.add(names.last().cloned(), names, columns, alias, scope);
        }
        let arrays = matches!(self.dialect, Dialect::BigQuery | Dialect::Redshift);
        if arrays && names.len() > 1 && scope.has_table(&names[0]) {
            return self.add_unknown(alias, scope);
        }
        let Some(path) = self.path(name) else { return self.add_unknown(alias, scope) };
        let names: Vec<Rc<str>> = match self.dialect {
            Dialect::BigQuery => path.iter().map(|part| part.to_ascii_lowercase().into()).collect(),
            Dialect::Snowflake | Dialect::Databricks | Dialect::Postgres | Dialect::Redshift | Dialect::DuckDb => names,
        };
        let relation = self.relation(path);
        let columns = Columns::of(vec![Column::star_of(Star { relation, except: BTreeSet::new() })]);
        self.add(names.last().cloned(), names, Rc::new(columns), alias, scope)
    }

    /// The common table expression that a name means.
    pub(super) fn cte(&self, name: &ObjectName) -> Option<Rc<Columns>> {
        match name.0.as_slice() {
            [part] => self.ctes.get(&self.name(part.as_ident()?)).map(Rc::clone),
            _ => None,
        }
    }

    pub(super) fn lateral_view(&self, view: &LateralView, scope: &mut Scope) {
        let alias = view.lateral_view_name.0.last().and_then(|part| part.as_ident()).map(|ident| self.name(ident));
        let named = |ident| Column::unknown(Name::Named(self.name(ident)));
        let columns = match view.lateral_col_alias.as_slice() {
            [] => Columns::unknown(),
            names => Columns::of(names.iter().map(named).collect()),
        };
        scope.tables.push(Table { alias, path: Vec::new(), columns: Rc::new(columns) });
    }

    fn add_unknown(&mut self, alias: Option<&TableAlias>, scope: &mut Scope) -> Result<(), Unread> {
        self.add(None, Vec::new(), Rc::new(Columns::unknown()), alias, scope)
    }

    fn add(
        &mut self,
        own: Option<Rc<str>>,
        path: Vec<Rc<str>>,
        mut columns: Rc<Columns>,
        alias: Option<&TableAlias>,
        scope: &mut Scope,
    ) -> Result<(), Unread> {
        let Some(alias) = alias else {
            scope.tables.push(Table { alias: own, path, columns });
            return Ok(());
        };
        if !alias.columns.is_empty() {
            self.spend(columns.list.len())?;
            let names: Vec<Rc<str>> = alias.columns.iter().map(|column| self.name(&column.name)).collect();
            columns = Rc::new(columns.renamed(&names));
        }
        scope.tables.push(Table { alias: Some(self.name(&alias.name)), path: Vec::new(), columns });
        Ok(())
    }
}
