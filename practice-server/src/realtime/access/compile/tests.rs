//! Policies as PostgreSQL 15 prints them (taken from `pg_policies`), and what is made of them.

use proptest::prelude::*;

use super::*;

fn compiled(expression: &str) -> Rule {
    let text_columns = ["user_id".to_owned(), "language".to_owned()];
    let uuid_columns = ["id".to_owned()];
    let context = Context {
        table: Table::PracticeSessions,
        text_columns: &text_columns,
        uuid_columns: &uuid_columns,
        uid_is_usual: true,
        jwt_is_usual: true,
    };
    compile(expression, context)
}

fn equals(column: &str, claimed: Claimed) -> Rule {
    Rule::Equals {
        column: Table::PracticeSessions.column(column).unwrap(),
        claimed,
    }
}

#[test]
fn the_usual_policies_are_understood() {
    let claim = |name: &str| Claimed::Claim(name.to_owned());
    let cases = [
        ("true", Rule::Everybody),
        ("false", Rule::Nobody),
        (
            "(( SELECT auth.uid() AS uid) = id)",
            equals("id", Claimed::UserId),
        ),
        ("(auth.uid() = id)", equals("id", Claimed::UserId)),
        (
            "(id = ( SELECT auth.uid() AS uid))",
            equals("id", Claimed::UserId),
        ),
        (
            "(( SELECT auth.uid() AS \"My Id\") = id)",
            equals("id", Claimed::UserId),
        ),
        (
            "(user_id = ( SELECT (auth.uid())::text AS uid))",
            equals("user_id", Claimed::UserId),
        ),
        (
            "(user_id = (( SELECT auth.uid() AS uid))::text)",
            equals("user_id", Claimed::UserId),
        ),
        (
            "((auth.uid())::text = user_id)",
            equals("user_id", Claimed::UserId),
        ),
        (
            "(user_id = ( SELECT (auth.jwt() ->> 'sub'::text)))",
            equals("user_id", claim("sub")),
        ),
        (
            "(( SELECT (auth.jwt() ->> 'sub'::text) AS text) = user_id)",
            equals("user_id", claim("sub")),
        ),
        (
            "((( SELECT auth.jwt() AS jwt) ->> 'sub'::text) = user_id)",
            equals("user_id", claim("sub")),
        ),
        (
            "((auth.jwt() ->> 'locale'::text) = (language)::text)",
            equals("language", claim("locale")),
        ),
        (
            "((language)::text = ( SELECT (auth.jwt() ->> 'ten''ant'::text)))",
            equals("language", claim("ten'ant")),
        ),
    ];
    for (expression, rule) in cases {
        assert_eq!(compiled(expression), rule, "{expression}");
    }
}

#[test]
fn everything_else_is_left_to_the_database() {
    for expression in [
        "",
        "(",
        "true AND true",
        "(auth.uid() = user_id)",
        "(auth.uid() <> id)",
        "(NOT (auth.uid() = id))",
        "(auth.uid() OPERATOR(public.=) id)",
        "(public.uid() = id)",
        "(uid() = id)",
        "(auth.uid() = sessions.id)",
        "(auth.uid() = auth.uid())",
        "(id = id)",
        "(auth.uid() = owner)",
        "((( SELECT auth.uid() AS uid) IS NOT NULL) AND (( SELECT auth.uid() AS uid) = id))",
        "((auth.uid() = id) OR (user_id = (auth.uid())::text))",
        "((((auth.jwt() ->> 'sub'::text))::uuid) = id)",
        "(((auth.uid())::character varying)::text = user_id)",
        "((auth.jwt() ->> 0) = user_id)",
        "((auth.jwt() -> 'sub'::text) = user_id)",
        "((auth.jwt() ->> user_id) = user_id)",
        "((auth.jwt() ->> 'a\\b'::text) = user_id)",
        "((auth.jwt() ->> 'sub'::text) = id)",
        "((auth.jwt() ->> 'sub'::text) = status)",
        "(\"auth.uid\"() = id)",
        "\"true\"",
        "(\"auth\".uid() = id)",
        "(user_id = 'alice'::text)",
        "(EXISTS ( SELECT 1 FROM public.members WHERE (members.id = auth.uid())))",
    ] {
        assert_eq!(compiled(expression), Rule::Database, "{expression}");
    }
}

#[test]
fn functions_that_are_not_the_usual_ones_are_not_understood() {
    let columns = ["user_id".to_owned()];
    let context = |uid_is_usual, jwt_is_usual| Context {
        table: Table::PracticeSessions,
        text_columns: &columns,
        uuid_columns: &[],
        uid_is_usual,
        jwt_is_usual,
    };
    let by_uid = "((auth.uid())::text = user_id)";
    let by_claim = "((auth.jwt() ->> 'sub'::text) = user_id)";
    assert_eq!(compile(by_uid, context(false, true)), Rule::Database);
    assert_ne!(compile(by_uid, context(true, false)), Rule::Database);
    assert_eq!(compile(by_claim, context(true, false)), Rule::Database);
    assert_ne!(compile(by_claim, context(false, true)), Rule::Database);
}

proptest! {
    #[test]
    fn whatever_comes_nothing_panics(expression in "[()'\":=>. ->a-zA-Z]{0,60}") {
        let _ = compiled(&expression);
    }

    /// Parentheses may nest as deep as they like, as long as the text is of a sensible length.
    #[test]
    fn parentheses_do_not_matter(depth in 0_usize..50) {
        let expression = format!("{}auth.uid() = id{}", "(".repeat(depth), ")".repeat(depth));
        prop_assert_eq!(compiled(&expression), equals("id", Claimed::UserId));
    }
}
