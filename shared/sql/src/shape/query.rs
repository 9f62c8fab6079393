//! Queries to columns, the innermost first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, Query, RenameSelectItem, Select, SelectFlavor,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, WildcardAdditionalOptions, With,
};

use super::columns::{Column, Columns, Name, Source, Sources, Star};
use super::expression::Sight;
use super::scope::Scope;
use super::{ColumnName, ColumnSources, OutputColumn, QueryShape, RelationName, SourceColumn};
use crate::Unread;
use crate::dialect::Dialect;

/// Columns and sources that are copied for one text. A `*` of a `*` doubles with every step; this ends it.
const MAX_STEPS: usize = 1 << 20;

pub(super) struct Resolver {
    pub(super) dialect: Dialect,
    relations: Vec<RelationName>,
    places: HashMap<RelationName, usize>,
    /// Common table expressions in scope.
    pub(super) ctes: HashMap<Rc<str>, Rc<Columns>>,
    /// Nodes of the tree that are done, by address, since an enclosing `SELECT` is searched for the rest.
    pub(super) done: HashSet<usize>,
    steps: usize,
}

impl Resolver {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            relations: Vec::new(),
            places: HashMap::new(),
            ctes: HashMap::new(),
            done: HashSet::new(),
            steps: 0,
        }
    }

    pub(super) fn shape(mut self, query: &Query) -> Result<QueryShape, Unread> {
        let columns = self.query(query)?;
        let columns = columns.list.iter().map(told).collect();
        Ok(QueryShape { columns, relations: self.relations })
    }

    /// Counts work that is not bounded by the text.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Unread> {
        self.steps += steps;
        if self.steps > MAX_STEPS { Err(Unread::TooDeep) } else { Ok(()) }
    }

    /// A name of a column, alias or common table expression as the warehouse compares it.
    pub(super) fn name(&self, ident: &Ident) -> Rc<str> {
        match (self.dialect, ident.quote_style) {
            (Dialect::Snowflake, None) => ident.value.to_ascii_uppercase().into(),
            (Dialect::Snowflake | Dialect::Postgres, Some(_)) => ident.value.as_str().into(),
            (Dialect::Postgres, None) => ident.value.to_ascii_lowercase().into(),
            (Dialect::Redshift | Dialect::BigQuery | Dialect::Databricks | Dialect::DuckDb, _) => {
                ident.value.to_ascii_lowercase().into()
            }
        }
    }

    /// The parts of a relation's name; `None` where a function makes one.
    pub(super) fn path(&self, name: &ObjectName) -> Option<Vec<String>> {
        let mut path = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) if self.dialect == Dialect::BigQuery => {
                    path.extend(ident.value.split('.').map(str::to_owned)); // `project.dataset.table` in one quotation
                }
                ObjectNamePart::Identifier(ident) => path.push(self.name(ident).as_ref().to_owned()),
                ObjectNamePart::Function(_) => return None,
            }
        }
        Some(path)
    }

    /// The place of a relation that is read.
    pub(super) fn relation(&mut self, path: Vec<String>) -> usize {
        let name = RelationName(path);
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        let place = self.relations.len();
        self.relations.push(name.clone());
        self.places.insert(name, place);
        place
    }

    pub(super) fn query(&mut self, query: &Query) -> Result<Rc<Columns>, Unread> {
        self.done.insert(std::ptr::from_ref(query).addr());
        let mut shadowed = Vec::new();
        if let Some(with) = &query.with {
            self.with(with, &mut shadowed)?;
        }
        let mut columns = self.set(&query.body)?;
        let mut sight = Sight::of_subqueries(self);
        sight.visit(&query.order_by)?;
        sight.visit(&query.limit_clause)?;
        sight.visit(&query.pipe_operators)?;
        if !query.pipe_operators.is_empty() {
            columns = Rc::new(Columns::unknown());
        }
        for (name, before) in shadowed.into_iter().rev() {
            match before {
                Some(before) => self.ctes.insert(name, before),
                None => self.ctes.remove(&name),
            };
        }
        Ok(columns)
    }

    fn with(&mut self, with: &With, shadowed: &mut Vec<(Rc<str>, Option<Rc<Columns>>)>) -> Result<(), Unread> {
        // A recursive expression reads itself; Snowflake takes every one for recursive that does.
        let recursive = with.recursive || self.dialect == Dialect::Snowflake;
        if with.recursive {
            for cte in &with.cte_tables {
                let name = self.name(&cte.alias.name);
                shadowed.push((Rc::clone(&name), self.ctes.insert(name, Rc::new(Columns::unknown()))));
            }
        }
        for cte in &with.cte_tables {
            let name = self.name(&cte.alias.name);
            if recursive {
                let before = self.ctes.insert(Rc::clone(&name), Rc::new(Columns::unknown()));
                shadowed.push((Rc::clone(&name), before));
            }
            let mut columns = self.query(&cte.query)?;
            if !cte.alias.columns.is_empty() {
                let names: Vec<Rc<str>> = cte.alias.columns.iter().map(|column| self.name(&column.name)).collect();
                self.spend(columns.list.len())?;
                columns = Rc::new(columns.renamed(&names));
            }
            shadowed.push((Rc::clone(&name), self.ctes.insert(name, columns)));
        }
        Ok(())
    }

    /// A chain of set operations, which leans to the left as deep as it is long.
    fn set(&mut self, body: &SetExpr) -> Result<Rc<Columns>, Unread> {
        let mut operations = Vec::new();
        let mut first = body;
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            operations.push((*op, *set_quantifier, right));
            first = left;
        }
        let mut columns = self.operand(first)?;
        for (operator, quantifier, right) in operations.into_iter().rev() {
            let right = self.set(right)?;
            columns = Rc::new(self.combined(&columns, &right, operator, quantifier)?);
        }
        Ok(columns)
    }

    fn operand(&mut self, body: &SetExpr) -> Result<Rc<Columns>, Unread> {
        match body {
            SetExpr::Select(select) => Ok(Rc::new(self.select(select)?)),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { .. } => self.set(body),
            SetExpr::Values(values) => {
                Sight::of_subqueries(self).visit(values)?;
                let width = values.rows.first().map_or(0, |row| row.content.len());
                let column = Column { name: Name::Unnamed, sources: Some(Rc::default()) };
                let plain =
                    values.rows.iter().flat_map(|row| &row.content).all(|value| matches!(value, Expr::Value(_)));
                Ok(Rc::new(Columns::of(vec![if plain { column } else { Column::unknown(Name::Unnamed) }; width])))
            }
            SetExpr::Table(table) => {
                let parts = [&table.schema_name, &table.table_name];
                let path: Vec<String> = parts
                    .into_iter()
                    .flatten()
                    .map(|name| self.name(&Ident::new(name.value.clone())).to_string())
                    .collect();
                let relation = self.relation(path);
                Ok(Rc::new(Columns::of(vec![Column::star_of(Star { relation, except: BTreeSet::new() })])))
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => Err(Unread::NotAQuery),
        }
    }

    /// The columns of a set operation: names from the left, sources by position.
    fn combined(
        &mut self,
        left: &Columns,
        right: &Columns,
        operator: SetOperator,
        quantifier: SetQuantifier,
    ) -> Result<Columns, Unread> {
        self.spend(left.list.len())?;
        let by_name =
            matches!(quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName);
        if by_name || left.has_star() {
            return Ok(Columns::unknown());
        }
        let aligned = !right.has_star() && left.list.len() == right.list.len();
        let mut list = Vec::with_capacity(left.list.len());
        for (at, column) in left.list.iter().enumerate() {
            let sources = match operator {
                SetOperator::Except | SetOperator::Minus => column.sources.clone(),
                SetOperator::Union | SetOperator::Intersect if aligned => {
                    self.union(&column.sources, &right.list[at].sources)?
                }
                SetOperator::Union | SetOperator::Intersect => None,
            };
            list.push(Column { name: column.name.clone(), sources });
        }
        Ok(Columns::of(list))
    }

    fn union(&mut self, left: &Sources, right: &Sources) -> Result<Sources, Unread> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        self.spend(left.len() + right.len())?;
        Ok(Some(Rc::new(left.union(right).cloned().collect())))
    }

    fn select(&mut self, select: &Select) -> Result<Columns, Unread> {
        if select.into.is_some() {
            return Err(Unread::NotAQuery);
        }
        let mut scope = Scope::default();
        for table in &select.from {
            self.joined(table, &mut scope)?;
        }
        for view in &select.lateral_views {
            self.lateral_view(view, &mut scope);
        }
        let lateral_aliases = !matches!(self.dialect, Dialect::Postgres | Dialect::BigQuery);
        if lateral_aliases {
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { alias, .. } = item {
                    scope.aliases.insert(self.name(alias), None);
                }
            }
        }
        let mut list = Vec::new();
        if matches!(select.flavor, SelectFlavor::FromFirstNoSelect) && select.projection.is_empty() {
            self.star(&scope, &mut list)?;
        }
        for item in &select.projection {
            let before = list.len();
            self.item(item, &scope, &mut list)?;
            if let (SelectItem::ExprWithAlias { alias, .. }, true, Some(column)) =
                (item, lateral_aliases, list.get(before))
            {
                scope.aliases.insert(self.name(alias), column.sources.clone());
            }
        }
        if let Some(exclude) = &select.exclude {
            self.exclude(&mut list, exclude);
        }
        Sight::of_subqueries(self).visit(select)?;
        let is_struct = select.value_table_mode.is_some();
        Ok(if is_struct { Columns::unknown() } else { Columns::of(list) })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only a plain column gives its name to the result")]
    fn item(&mut self, item: &SelectItem, scope: &Scope, list: &mut Vec<Column>) -> Result<(), Unread> {
        self.spend(1)?;
        match item {
            SelectItem::UnnamedExpr(expression) => {
                let own = match expression {
                    Expr::Identifier(ident) => Some(ident),
                    Expr::CompoundIdentifier(parts) => parts.last(),
                    _ => None,
                };
                let name = own.map_or(Name::Unnamed, |ident| Name::Named(self.name(ident)));
                list.push(Column { name, sources: Sight::sources(self, scope, expression)? });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let sources = Sight::sources(self, scope, expr)?;
                list.push(Column { name: Name::Named(self.name(alias)), sources });
            }
            SelectItem::ExprWithAliases { aliases, .. } => {
                list.extend(aliases.iter().map(|alias| Column::unknown(Name::Named(self.name(alias)))));
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let mut columns = Vec::new();
                let path: Option<Vec<Rc<str>>> =
                    name.0.iter().map(|part| part.as_ident().map(|ident| self.name(ident))).collect();
                match path.and_then(|path| scope.table(&path)) {
                    Some(table) if !scope.unclear => {
                        self.spend(table.columns.list.len())?;
                        columns.extend(table.columns.list.iter().cloned());
                    }
                    _ => columns.push(Column::unknown(Name::Star(None))),
                }
                self.with_options(columns, options, scope, list)?;
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _) => {
                list.push(Column::unknown(Name::Star(None)));
            }
            SelectItem::Wildcard(options) => {
                let mut columns = Vec::new();
                self.star(scope, &mut columns)?;
                self.with_options(columns, options, scope, list)?;
            }
        }
        Ok(())
    }

    fn star(&mut self, scope: &Scope, list: &mut Vec<Column>) -> Result<(), Unread> {
        if !scope.star_is_plain() || scope.tables.is_empty() {
            list.push(Column::unknown(Name::Star(None)));
            return Ok(());
        }
        for table in &scope.tables {
            self.spend(table.columns.list.len())?;
            list.extend(table.columns.list.iter().cloned());
        }
        Ok(())
    }

    /// The columns of a `*` with its `EXCEPT`, `REPLACE` and `RENAME`.
    fn with_options(
        &mut self,
        mut columns: Vec<Column>,
        options: &WildcardAdditionalOptions,
        scope: &Scope,
        list: &mut Vec<Column>,
    ) -> Result<(), Unread> {
        let starred = columns.iter().any(|column| matches!(column.name, Name::Star(_)));
        let changes = options.opt_replace.is_some() || options.opt_rename.is_some();
        if options.opt_ilike.is_some() || options.opt_alias.is_some() || starred && changes {
            list.push(Column::unknown(Name::Star(None)));
            return Ok(());
        }
        if let Some(exclude) = &options.opt_exclude {
            self.exclude(&mut columns, exclude);
        }
        if let Some(except) = &options.opt_except {
            let names = std::iter::once(&except.first_element).chain(&except.additional_elements);
            let names = names.map(|name| self.name(name)).collect();
            without(&mut columns, &names);
        }
        for element in options.opt_replace.iter().flat_map(|replace| &replace.items) {
            let sources = Sight::sources(self, scope, &element.expr)?;
            let name = self.name(&element.column_name);
            for column in columns.iter_mut().filter(|column| column.has_name(&name)) {
                column.sources.clone_from(&sources);
            }
        }
        let renames = match &options.opt_rename {
            Some(RenameSelectItem::Single(rename)) => std::slice::from_ref(rename),
            Some(RenameSelectItem::Multiple(renames)) => renames,
            None => &[],
        };
        let renames: HashMap<Rc<str>, Rc<str>> =
            renames.iter().map(|rename| (self.name(&rename.ident), self.name(&rename.alias))).collect();
        for column in &mut columns {
            if let Name::Named(name) = &column.name
                && let Some(alias) = renames.get(name)
            {
                column.name = Name::Named(Rc::clone(alias));
            }
        }
        list.append(&mut columns);
        Ok(())
    }

    fn exclude(&self, columns: &mut Vec<Column>, exclude: &ExcludeSelectItem) {
        let names = match exclude {
            ExcludeSelectItem::Single(name) => std::slice::from_ref(name),
            ExcludeSelectItem::Multiple(names) => names,
        };
        let names: Vec<Option<Rc<str>>> =
            names.iter().map(|name| name.0.last()?.as_ident().map(|ident| self.name(ident))).collect();
        without(columns, &names.into_iter().flatten().collect());
    }
}

impl Column {
    fn has_name(&self, name: &Rc<str>) -> bool {
        matches!(&self.name, Name::Named(own) if own == name)
    }
}

/// Takes columns out, of stars too.
fn without(columns: &mut Vec<Column>, names: &BTreeSet<Rc<str>>) {
    columns.retain(|column| !matches!(&column.name, Name::Named(name) if names.contains(name)));
    for column in columns {
        if let Name::Star(Some(star)) = &mut column.name {
            Rc::make_mut(star).except.extend(names.iter().cloned());
        }
    }
}

fn told(column: &Column) -> OutputColumn {
    let name = match &column.name {
        Name::Named(name) => ColumnName::Named(name.as_ref().to_owned()),
        Name::Unnamed => ColumnName::Unnamed,
        Name::Star(_) => ColumnName::Star,
    };
    let source = |(relation, column): &Source| SourceColumn { relation: *relation, column: column.as_ref().to_owned() };
    let sources = match &column.sources {
        Some(sources) => ColumnSources::Known(sources.iter().map(source).collect()),
        None => ColumnSources::Unknown,
    };
    OutputColumn { name, sources }
}
