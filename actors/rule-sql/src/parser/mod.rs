//! Text to syntax tree. Every error says where it is; no input makes the parser panic or recurse without bound.

mod alerting;
mod ddl;
mod expr;
mod select;
mod window;

use std::sync::Arc;

use crate::ast::{Expr, Name, Select};
use crate::catalog::Statement;
use crate::error::{Pos, SqlError, did_you_mean};
use crate::lexer::{Placed, Token, lex};

/// Words that cannot be names unless they stand in backquotes.
const RESERVED: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "GROUP",
    "HAVING",
    "ORDER",
    "BY",
    "ASC",
    "DESC",
    "FILTER",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "IN",
    "NOT",
    "BETWEEN",
    "LIKE",
    "OVER",
    "PARTITION",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "ON",
    "AS",
    "LIMIT",
    "TRUE",
    "FALSE",
    "EXCEPT",
    "REPLACE",
    "INVISIBLE",
    "DD",
    "HH",
    "MI",
    "SS",
    "MS",
    "CREATE",
    "DROP",
    "DESCRIBE",
    "EXPLAIN",
    "SHOW",
    "WITH",
];

/// How deep expressions may nest. Deeper ones are refused, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Parses one SELECT statement; a semicolon may follow it.
pub fn parse_select(sql: &str) -> Result<Select, SqlError> {
    let mut statements = parse_selects(sql)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(select), true) => Ok(select),
        (Some(_), false) => Err(SqlError::whole("one statement is expected, but there are several")),
        (None, _) => Err(SqlError::whole("there is no statement")),
    }
}

/// Parses SELECT statements separated by semicolons.
pub fn parse_selects(sql: &str) -> Result<Vec<Select>, SqlError> {
    let mut parser = Parser::new(sql);
    let mut out = Vec::new();
    loop {
        while parser.eat(";") {}
        if parser.peek() == &Token::End {
            return Ok(out);
        }
        out.push(parser.select()?);
        if !parser.eat(";") && parser.peek() != &Token::End {
            return Err(parser.unexpected("the end of the statement"));
        }
    }
}

/// Parses a statement about streams and tables: CREATE, DROP, SHOW, DESCRIBE, EXPLAIN.
pub fn parse_statement(sql: &str) -> Result<Statement, SqlError> {
    let mut parser = Parser::new(sql);
    let statement = parser.statement()?;
    parser.eat(";");
    if parser.peek() != &Token::End {
        return Err(parser.unexpected("a semicolon or the end"));
    }
    Ok(statement)
}

/// How many operators a statement may have.
const MAX_OPERATORS: usize = 2_000;

/// How deep the tree of an expression may be: operators that follow one another make it deeper as well. Evaluation goes
/// down the tree, and must find room on the stack of any thread.
const MAX_TREE: usize = 200;

/// The clause that is being read: some functions are allowed in one of them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    Select,
    GroupBy,
    Other,
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    clause: Clause,
    in_meta: bool,
    depth: usize,
    operators: usize,
    /// Number of the next output without a name.
    anonymous: usize,
}

const END: Token = Token::End;

impl Parser {
    fn new(sql: &str) -> Self {
        Self { tokens: lex(sql), at: 0, clause: Clause::Other, in_meta: false, depth: 0, operators: 0, anonymous: 0 }
    }

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&END, |p| &p.token)
    }

    fn pos(&self) -> Pos {
        self.tokens.get(self.at).or(self.tokens.last()).map(|p| p.pos).unwrap_or_default()
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if self.at < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn unexpected(&self, expected: &str) -> SqlError {
        let found = self.peek();
        let hint = match found {
            Token::Ident { text, quoted: false } if !is_reserved(text) => did_you_mean(text, RESERVED.iter().copied()),
            Token::Bad(what) if what.starts_with("a text") => Some("close it with the quote it began with".into()),
            _ => None,
        };
        SqlError::at(self.pos(), format!("found {}, expected {expected}", found.shown())).with_hint(hint)
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SqlError> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(&format!("\"{symbol}\""))) }
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Ident { text, quoted: false } if text.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), SqlError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    /// A name that is no keyword.
    fn name(&mut self, what: &str) -> Result<Name, SqlError> {
        match self.peek() {
            Token::Ident { text, quoted } if *quoted || !is_reserved(text) => {
                let text = Arc::clone(text);
                self.at += 1;
                Ok(text)
            }
            Token::Ident { text, .. } => {
                let hint = format!("it is a keyword; write `{text}` in backquotes");
                Err(self.unexpected(what).with_hint(Some(hint)))
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Counts an operator.
    fn operator_read(&mut self) -> Result<(), SqlError> {
        self.operators += 1;
        if self.operators <= MAX_OPERATORS {
            return Ok(());
        }
        let hint = Some("IN (…) takes a list of any length, and a join a table".into());
        Err(SqlError::at(self.pos(), format!("the statement has more than {MAX_OPERATORS} operators")).with_hint(hint))
    }

    /// Refuses an expression whose tree is too deep. Goes through the tree without recursion.
    fn check_depth(&self, expr: &Expr) -> Result<(), SqlError> {
        let mut open = vec![(expr, 1)];
        while let Some((expr, depth)) = open.pop() {
            if depth > MAX_TREE {
                let hint = Some("IN (…) takes a list of any length, and a join a table".into());
                let message = format!("more than {MAX_TREE} operators follow one another");
                return Err(SqlError::at(expr.pos, message).with_hint(hint));
            }
            open.extend(expr.children().into_iter().map(|child| (child, depth + 1)));
        }
        Ok(())
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.depth >= MAX_DEPTH {
            return Err(SqlError::at(self.pos(), format!("expressions are nested more than {MAX_DEPTH} levels deep")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word))
}
