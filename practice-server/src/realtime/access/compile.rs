//! Policies of a well-known form as rules that are judged here instead of in the database.
//!
//! PostgreSQL prints a policy's expression from its parsed form (`pg_get_expr`), so that the many ways to write
//! `user_id = auth.uid()` come out as a few. What is printed is read by a grammar that knows nothing else:
//!
//! ```text
//! policy   = "true" | "false" | value "=" value
//! value    = column | claimed | value "::text"
//! claimed  = "auth.uid()" | "auth.jwt()" "->>" 'name' "::text" | "SELECT" claimed ("AS" name)?
//! ```
//!
//! with parentheses around anything. All names are printed with their schema, because the catalog is read with an
//! empty search path. Whatever does not fit, and whatever compares other types, is left to the database.

use super::rule::{Claimed, Rule};
use crate::realtime::change::Table;
use crate::realtime::columns::Column;

/// Tokens of the longest policy that is looked at, which bounds the depth of its parentheses as well.
const TOKENS_MAX: usize = 256;

/// What must be known of a database before a policy of it is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) table: Table,
    /// Columns of the types `text` and `varchar` whose values are equal exactly if their bytes are.
    pub(super) text_columns: &'c [String],
    /// Columns of the type `uuid`.
    pub(super) uuid_columns: &'c [String],
    /// Whether `auth.uid()` answers the claim `sub`.
    pub(super) uid_is_usual: bool,
    /// Whether `auth.jwt()` answers the claims.
    pub(super) jwt_is_usual: bool,
}

/// The rule of a policy's expression.
pub(super) fn compile(expression: &str, context: Context<'_>) -> Rule {
    rule(expression, context).unwrap_or(Rule::Database)
}

fn rule(expression: &str, context: Context<'_>) -> Option<Rule> {
    let mut parser = Parser {
        tokens: tokens(expression)?,
        next: 0,
    };
    let parsed = parser.policy()?;
    if parser.next != parser.tokens.len() {
        return None;
    }
    match parsed {
        Policy::Constant(true) => Some(Rule::Everybody),
        Policy::Constant(false) => Some(Rule::Nobody),
        Policy::Equal(column @ Operand::Column { .. }, claimed @ Operand::Claimed { .. })
        | Policy::Equal(claimed @ Operand::Claimed { .. }, column @ Operand::Column { .. }) => {
            comparison(column, claimed, context)
        }
        Policy::Equal(..) => None,
    }
}

/// The comparison, if both sides are of one of the types that are compared here.
fn comparison(column: Operand, claimed: Operand, context: Context<'_>) -> Option<Rule> {
    let (Operand::Column { name, .. }, Operand::Claimed { what, as_text }) = (column, claimed) else {
        return None;
    };
    let known = match what {
        Claimed::UserId => context.uid_is_usual,
        Claimed::Claim(_) => context.jwt_is_usual,
    };
    // A UUID's text is the same everywhere, so a UUID may be compared as text, but text not as a UUID.
    let claimed_is_text = as_text || matches!(what, Claimed::Claim(_));
    let is_text = context.text_columns.contains(&name);
    let is_uuid = context.uuid_columns.contains(&name);
    let comparable = (is_text && claimed_is_text) || (is_uuid && matches!(what, Claimed::UserId));
    let column: &'static Column = context.table.column(&name)?;
    (known && comparable).then_some(Rule::Equals {
        column,
        claimed: what,
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Policy {
    Constant(bool),
    Equal(Operand, Operand),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    Column { name: String },
    Claimed { what: Claimed, as_text: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// `=`, `->>` or `::`.
    Operator(&'static str),
    /// A name or a word of the language, with its schema if one is there.
    Name(String),
    /// A name in quotes, which is never a word of the language.
    QuotedName(String),
    /// A quoted text.
    Text(String),
}

/// `None` when something does not belong to the grammar.
fn tokens(expression: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '\'' => {
                let (text, after) = quoted(rest, '\'')?;
                (Token::Text(text), after)
            }
            '"' => {
                let (name, after) = quoted(rest, '"')?;
                (Token::QuotedName(name), after)
            }
            letter if letter.is_ascii_alphabetic() || letter == '_' => {
                let (name, after) = name_with_schema(rest);
                (Token::Name(name.to_owned()), after)
            }
            _ => {
                let operator = ["->>", "::", "="]
                    .into_iter()
                    .find(|sign| rest.starts_with(sign))?;
                (Token::Operator(operator), &rest[operator.len()..])
            }
        };
        if tokens.len() == TOKENS_MAX {
            return None;
        }
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

/// A quoted text without its quotes, in which a doubled quote stands for one, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let (part, after) = rest.split_once(quote)?;
        inner.push_str(part);
        match after.strip_prefix(quote) {
            Some(more) => {
                inner.push(quote);
                rest = more;
            }
            // A backslash could be an escape, depending on a setting; a claim's name holds none.
            None => return (!inner.contains('\\')).then_some((inner, after)),
        }
    }
}

/// `name` or `schema.name`, and what follows it.
fn name_with_schema(text: &str) -> (&str, &str) {
    let ends = |character: char| !(character.is_ascii_alphanumeric() || matches!(character, '_' | '$' | '.'));
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn take(&mut self, token: &Token) -> Option<()> {
        if self.tokens.get(self.next)? != token {
            return None;
        }
        self.next += 1;
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.take(&Token::Name(word.to_owned()))
    }

    fn name(&mut self) -> Option<String> {
        let (Token::Name(name) | Token::QuotedName(name)) = self.tokens.get(self.next)? else {
            return None;
        };
        self.next += 1;
        Some(name.clone())
    }

    /// Tries to read something; what was taken for it in vain is put back.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.next;
        let result = read(self);
        if result.is_none() {
            self.next = start;
        }
        result
    }

    fn in_parentheses<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.attempt(|parser| {
            parser.take(&Token::Open)?;
            let inner = read(parser)?;
            parser.take(&Token::Close)?;
            Some(inner)
        })
    }

    fn policy(&mut self) -> Option<Policy> {
        for (word, constant) in [("true", true), ("false", false)] {
            if self.word(word).is_some() {
                return Some(Policy::Constant(constant));
            }
        }
        let equality = self.attempt(|parser| {
            let left = parser.operand()?;
            parser.take(&Token::Operator("="))?;
            Some(Policy::Equal(left, parser.operand()?))
        });
        equality.or_else(|| self.in_parentheses(Self::policy))
    }

    fn operand(&mut self) -> Option<Operand> {
        let mut operand = self
            .attempt(Self::claimed)
            .or_else(|| self.in_parentheses(Self::operand))
            .or_else(|| self.attempt(Self::column))?;
        while self.take(&Token::Operator("::")).is_some() {
            self.word("text")?;
            if let Operand::Claimed { as_text, .. } = &mut operand {
                *as_text = true;
            }
        }
        Some(operand)
    }

    /// One that is called is no column, and neither is one with a schema.
    fn column(&mut self) -> Option<Operand> {
        let name = self.name()?;
        let called = self.tokens.get(self.next) == Some(&Token::Open);
        (!called && !name.contains('.')).then_some(Operand::Column { name })
    }

    fn claimed(&mut self) -> Option<Operand> {
        let select = self.in_parentheses(|parser| {
            parser.word("SELECT")?;
            let selected = parser.operand()?;
            if parser.word("AS").is_some() {
                parser.name()?;
            }
            matches!(selected, Operand::Claimed { .. }).then_some(selected)
        });
        select
            .or_else(|| self.attempt(Self::user_id))
            .or_else(|| self.attempt(Self::claim))
    }

    fn call(&mut self, function: &str) -> Option<()> {
        self.word(function)?;
        self.take(&Token::Open)?;
        self.take(&Token::Close)
    }

    fn user_id(&mut self) -> Option<Operand> {
        self.call("auth.uid")?;
        Some(Operand::Claimed {
            what: Claimed::UserId,
            as_text: false,
        })
    }

    fn claim(&mut self) -> Option<Operand> {
        self.claims()?;
        self.take(&Token::Operator("->>"))?;
        let Token::Text(name) = self.tokens.get(self.next)?.clone() else {
            return None;
        };
        self.next += 1;
        // A number would be a place in a list.
        self.take(&Token::Operator("::"))?;
        self.word("text")?;
        Some(Operand::Claimed {
            what: Claimed::Claim(name),
            as_text: true,
        })
    }

    /// `auth.jwt()`, or `( SELECT auth.jwt() AS jwt)`.
    fn claims(&mut self) -> Option<()> {
        let selected = self.in_parentheses(|parser| {
            parser.word("SELECT")?;
            parser.call("auth.jwt")?;
            if parser.word("AS").is_some() {
                parser.name()?;
            }
            Some(())
        });
        selected.or_else(|| self.attempt(|parser| parser.call("auth.jwt")))
    }
}

#[cfg(test)]
mod tests;
