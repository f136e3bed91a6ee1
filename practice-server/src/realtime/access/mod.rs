//! What each role may see of the published tables: columns by its privileges, rows by its policies.
//!
//! On SQLite the rules are built in. On PostgreSQL they are read from the catalog (`catalog`); a policy of a well-known
//! form is compiled (`compile`) and judged here, on the row as it was committed; anything else is judged by the
//! database (`judge`), on the row as it is then. A rule that cannot be judged admits nobody.

#[cfg(test)]
mod against_postgres;
mod catalog;
mod compile;
mod judge;
mod rule;

use std::collections::HashMap;

pub(crate) use catalog::read_rules;
pub(crate) use judge::{Judge, Question};
pub(crate) use rule::{Claimed, Rule, Verdict, parse_uuid};

use super::auth::Role;
use super::change::{Operation, Table};
use super::columns::ColumnSet;

/// What all roles may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AccessRules(HashMap<(Table, Role), TableAccess>);

/// What one role may see of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableAccess {
    /// The columns it may select. The key is one of them.
    pub(crate) columns: ColumnSet,
    /// Whether policies apply to it.
    pub(crate) row_security: bool,
    /// The rule of its policies.
    pub(crate) rows: Rule,
}

/// What one role may see of changes of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View<'r> {
    pub(crate) columns: ColumnSet,
    pub(crate) rows: &'r Rule,
}

impl AccessRules {
    /// The rules of a database without roles: users see their own rows, the service role sees all.
    pub(crate) fn built_in() -> Self {
        let mut rules = Self::default();
        for table in Table::ALL {
            let columns = table.every_column();
            let own_rows = table.column(Table::OWNER).map(|column| Rule::Equals {
                column,
                claimed: Claimed::Claim("sub".to_owned()),
            });
            let authenticated = TableAccess {
                columns,
                row_security: true,
                rows: own_rows.unwrap_or(Rule::Nobody),
            };
            let service = TableAccess {
                columns,
                row_security: false,
                rows: Rule::Everybody,
            };
            rules.allow(table, Role::Authenticated, authenticated);
            rules.allow(table, Role::Service, service);
        }
        rules
    }

    /// Without the key a row cannot be told from another: the role then sees nothing of the table.
    pub(crate) fn allow(&mut self, table: Table, role: Role, access: TableAccess) {
        if access.columns.covers(table.key_column()) {
            self.0.insert((table, role), access);
        }
    }

    /// What a role may see of changes of this kind; `None` when that is nothing at all.
    ///
    /// A deleted row cannot be judged any more. Where policies apply, everyone who may read the table at all learns
    /// its key and nothing else, as on the real server.
    pub(crate) fn view(&self, table: Table, role: Role, operation: Operation) -> Option<View<'_>> {
        let access = self.0.get(&(table, role))?;
        Some(match operation {
            Operation::Delete if access.row_security => View {
                columns: access.columns.intersection(table.key_column()),
                rows: &Rule::Everybody,
            },
            Operation::Delete | Operation::Insert | Operation::Update => View {
                columns: access.columns,
                rows: &access.rows,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_shows_the_key_where_policies_apply() {
        let rules = AccessRules::built_in();
        let table = Table::PracticeAttempts;
        let deletes = |role| rules.view(table, role, Operation::Delete);
        let authenticated = deletes(Role::Authenticated).unwrap();
        assert_eq!(
            (authenticated.columns, authenticated.rows),
            (table.key_column(), &Rule::Everybody)
        );
        assert_eq!(deletes(Role::Service).unwrap().columns, table.every_column());
        assert_eq!(deletes(Role::Anon), None);
    }

    #[test]
    fn a_role_that_cannot_read_the_key_sees_nothing() {
        let mut rules = AccessRules::default();
        let table = Table::PracticeSessions;
        let access = TableAccess {
            columns: ColumnSet::of([1, 2]),
            row_security: false,
            rows: Rule::Everybody,
        };
        rules.allow(table, Role::Anon, access);
        assert_eq!(rules.view(table, Role::Anon, Operation::Insert), None);
    }
}
