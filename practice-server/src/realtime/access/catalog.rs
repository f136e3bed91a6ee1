//! Reads from PostgreSQL's catalog who may see what.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};

use super::compile::{Context, compile};
use super::rule::Rule;
use super::{AccessRules, TableAccess};
use crate::realtime::auth::Role;
use crate::realtime::change::Table;
use crate::realtime::columns::ColumnSet;

/// Per published table and role: the columns it may select, whether policies apply to it, and which. Expressions are
/// printed with all schemas, because the search path of the feed's connection is empty.
const ACCESS: &str = "\
WITH published AS (
    SELECT c.oid, c.relname, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.relnamespace
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relname = ANY ($1) AND c.relkind IN ('r', 'p')
), policies AS (
    SELECT t.oid AS relid, r.oid AS roleid, p.polpermissive,
           coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') AS expression
    FROM published t JOIN pg_policy p ON p.polrelid = t.oid CROSS JOIN pg_roles r
    WHERE r.rolname = ANY ($2) AND p.polcmd IN ('r', '*')
      AND (0 = ANY (p.polroles)
           OR EXISTS (SELECT FROM unnest(p.polroles) AS named WHERE pg_has_role(r.oid, named, 'USAGE')))
), columns AS (
    SELECT t.oid AS relid, a.attnum, a.attname::text AS name, a.atttypid,
           coalesce(l.collisdeterministic, true) AS equal_by_bytes
    FROM published t JOIN pg_attribute a ON a.attrelid = t.oid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE a.attnum > 0 AND NOT a.attisdropped
)
SELECT t.relname::text AS table_name, r.rolname::text AS role_name,
       t.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls)
           AND (t.relforcerowsecurity OR NOT pg_has_role(r.oid, t.relowner, 'USAGE')) AS row_security,
       ARRAY (SELECT name FROM columns WHERE relid = t.oid
              AND has_schema_privilege(r.oid, t.relnamespace, 'USAGE')
              AND has_column_privilege(r.oid, t.oid, attnum, 'SELECT')) AS readable,
       ARRAY (SELECT name FROM columns WHERE relid = t.oid AND equal_by_bytes
              AND atttypid IN ('text'::regtype, 'varchar'::regtype)) AS text_columns,
       ARRAY (SELECT name FROM columns WHERE relid = t.oid AND atttypid = 'uuid'::regtype) AS uuid_columns,
       ARRAY (SELECT expression FROM policies WHERE relid = t.oid AND roleid = r.oid AND polpermissive) AS permissive,
       ARRAY (SELECT expression FROM policies WHERE relid = t.oid AND roleid = r.oid AND NOT polpermissive)
           AS restrictive
FROM published t CROSS JOIN pg_roles r
WHERE r.rolname = ANY ($2)";

#[derive(FromRow)]
struct AccessRow {
    table_name: String,
    role_name: String,
    row_security: bool,
    readable: Vec<String>,
    text_columns: Vec<String>,
    uuid_columns: Vec<String>,
    permissive: Vec<String>,
    restrictive: Vec<String>,
}

/// Whether the functions that policies call answer what Supabase's answer.
#[derive(Debug, Clone, Copy, Default)]
struct UsualFunctions {
    uid: bool,
    jwt: bool,
}

/// Reads the rules of all published tables and roles. The connection's search path must be empty.
///
/// # Errors
/// A database that cannot be asked.
pub(crate) async fn read_rules(connection: &mut PgConnection) -> Result<AccessRules, sqlx::Error> {
    let usual = UsualFunctions {
        uid: answers(connection, "auth.uid()", "auth.uid()::text").await?,
        jwt: answers(connection, "auth.jwt()", "auth.jwt() ->> 'sub'").await?,
    };
    let tables = Table::ALL.map(Table::name);
    let roles = Role::ALL.map(Role::name);
    let rows: Vec<AccessRow> = sqlx::query_as(ACCESS)
        .bind(tables.as_slice())
        .bind(roles.as_slice())
        .fetch_all(connection)
        .await?;
    let mut rules = AccessRules::default();
    for row in rows {
        if let (Some(table), Some(role)) =
            (Table::from_name(&row.table_name), Role::from_name(&row.role_name))
        {
            rules.allow(table, role, row.access(table, usual));
        }
    }
    Ok(rules)
}

/// Asks a function with claims that nobody has, in order not to trust its name.
async fn answers(connection: &mut PgConnection, function: &str, call: &str) -> Result<bool, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regprocedure($1) IS NOT NULL")
        .bind(function)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(false);
    }
    let nobody = uuid::Uuid::new_v4().to_string();
    let claims = BTreeMap::from([("sub", json!(nobody)), ("role", json!(Role::Anon.name()))]);
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
        .bind(json!(claims).to_string())
        .execute(&mut *transaction)
        .await?;
    let answer = sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(format!("SELECT {call}")))
        .fetch_one(&mut *transaction)
        .await;
    transaction.rollback().await?;
    match answer {
        Ok(answer) => Ok(answer == Some(nobody)),
        // Whatever it is, it is not the usual function.
        Err(sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

impl AccessRow {
    fn access(&self, table: Table, usual: UsualFunctions) -> TableAccess {
        let context = Context {
            table,
            text_columns: &self.text_columns,
            uuid_columns: &self.uuid_columns,
            uid_is_usual: usual.uid,
            jwt_is_usual: usual.jwt,
        };
        let compiled = |policies: &[String]| -> Vec<Rule> {
            policies.iter().map(|policy| compile(policy, context)).collect()
        };
        let rows = if self.row_security {
            combine(compiled(&self.permissive), compiled(&self.restrictive))
        } else {
            Rule::Everybody
        };
        TableAccess {
            columns: ColumnSet::of(self.readable.iter().filter_map(|name| table.position(name))),
            row_security: self.row_security,
            rows,
        }
    }
}

/// One permissive policy must admit, and every restrictive one. A single policy stays what it is, so that rows can
/// be looked up by their owner.
fn combine(mut permissive: Vec<Rule>, restrictive: Vec<Rule>) -> Rule {
    let any = match permissive.pop() {
        None => return Rule::Nobody,
        Some(only) if permissive.is_empty() => only,
        Some(last) => {
            permissive.push(last);
            Rule::Any(permissive)
        }
    };
    if restrictive.is_empty() {
        return any;
    }
    Rule::All(std::iter::once(any).chain(restrictive).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_combined_as_postgresql_combines_them() {
        let (yes, no) = (Rule::Everybody, Rule::Nobody);
        assert_eq!(combine(vec![], vec![yes.clone()]), Rule::Nobody);
        assert_eq!(combine(vec![yes.clone()], vec![]), yes);
        assert_eq!(
            combine(vec![yes.clone(), no.clone()], vec![no.clone()]),
            Rule::All(vec![Rule::Any(vec![yes, no.clone()]), no])
        );
    }
}
