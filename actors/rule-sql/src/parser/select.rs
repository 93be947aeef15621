//! The clauses of SELECT.

use super::alerting::check_clauses;
use super::{Clause, Parser, is_reserved};
use crate::ast::{Expr, ExprKind, Join, JoinKind, Name, Select, SelectItem, SortKey, Source, Window};
use crate::error::SqlError;
use crate::lexer::Token;
use crate::plan::check_statement;

impl Parser {
    pub(super) fn select(&mut self) -> Result<Select, SqlError> {
        self.expect_word("SELECT")?;
        self.anonymous = 0;
        self.operators = 0;
        self.clause = Clause::Select;
        let mut items = vec![self.item()?];
        while self.eat(",") {
            items.push(self.item()?);
        }
        self.clause = Clause::Other;
        self.expect_word("FROM")?;
        let from = self.source()?;
        let mut also = Vec::new();
        while self.eat(",") {
            also.push(self.source()?);
        }
        let mut joins = Vec::new();
        while let Some(join) = self.join()? {
            joins.push(join);
        }
        let (filter, sequence) = if self.eat_word("WHERE") { self.conditions()? } else { (None, None) };
        let (group_by, window) = self.group_by()?;
        let having = if self.eat_word("HAVING") { Some(self.expr()?) } else { None };
        let alert = self.alert_clause()?;
        let order_by = self.order_by()?;
        let limit = self.limit()?;
        let select =
            Select { items, from, also, joins, filter, sequence, group_by, window, having, alert, order_by, limit };
        check_clauses(&select)?;
        check_statement(&select)?;
        Ok(select)
    }

    fn item(&mut self) -> Result<SelectItem, SqlError> {
        let expr = self.expr()?;
        let mut alias = None;
        if self.is_word("AS") {
            if matches!(expr.kind, ExprKind::Wildcard(_)) {
                return Err(SqlError::at(self.pos(), "an alias is not possible for *"));
            }
            self.next();
            alias = Some(self.name("a name after AS")?);
        }
        let invisible = self.eat_word("INVISIBLE");
        let mut name: Name = match &expr.kind {
            ExprKind::Field { name, .. } => name.clone(),
            ExprKind::Call(call) => call.name.clone(),
            ExprKind::Wildcard(_) => "*".into(),
            _ => "".into(),
        };
        if name.is_empty() && alias.is_none() {
            name = format!("kuiper_field_{}", self.anonymous).into();
            self.anonymous += 1;
        }
        Ok(SelectItem { expr, alias, name, invisible })
    }

    /// A stream's name; MQTT topics such as `topic/+/temp` and `topic/#` are names as well.
    fn source(&mut self) -> Result<Source, SqlError> {
        let pos = self.pos();
        let mut name = String::new();
        let mut after_word = false;
        loop {
            match self.peek() {
                Token::Ident { text, quoted } if !after_word && (*quoted || !is_reserved(text)) => {
                    name.push_str(text);
                    after_word = true;
                }
                Token::Int(i) if !after_word && !name.is_empty() => {
                    name.push_str(&i.to_string());
                    after_word = true;
                }
                // `5m` is a length of time elsewhere.
                Token::Duration(_, text) if !after_word && !name.is_empty() => {
                    name.push_str(text);
                    after_word = true;
                }
                Token::Symbol(s @ ("/" | "#" | "+")) => {
                    name.push_str(s);
                    after_word = false;
                }
                _ => break,
            }
            self.at += 1;
        }
        if name.is_empty() {
            return Err(self.unexpected("the name of a stream"));
        }
        let alias = if self.eat_word("AS") { Some(self.name("a name after AS")?) } else { None };
        Ok(Source { name: name.into(), alias, pos })
    }

    fn join(&mut self) -> Result<Option<Join>, SqlError> {
        let kinds = [
            ("INNER", JoinKind::Inner),
            ("LEFT", JoinKind::Left),
            ("RIGHT", JoinKind::Right),
            ("FULL", JoinKind::Full),
            ("CROSS", JoinKind::Cross),
        ];
        let mut kind = None;
        for (word, k) in kinds {
            if self.eat_word(word) {
                kind = Some(k);
                self.expect_word("JOIN")?;
                break;
            }
        }
        if kind.is_none() && self.eat_word("JOIN") {
            kind = Some(JoinKind::Inner);
        }
        let Some(kind) = kind else { return Ok(None) };
        let source = self.source()?;
        let pos = self.pos();
        let on = if self.eat_word("ON") {
            if kind == JoinKind::Cross {
                return Err(SqlError::at(pos, "a CROSS JOIN takes no ON"));
            }
            Some(self.expr()?)
        } else {
            None
        };
        Ok(Some(Join { kind, source, on }))
    }

    fn group_by(&mut self) -> Result<(Vec<Expr>, Option<Window>), SqlError> {
        let (mut keys, mut window) = (Vec::new(), None);
        if !self.eat_word("GROUP") {
            return Ok((keys, window));
        }
        self.expect_word("BY")?;
        loop {
            self.clause = Clause::GroupBy;
            let expr = self.expr();
            self.clause = Clause::Other;
            let expr = expr?;
            match expr.kind {
                ExprKind::Window(_) if window.is_some() => {
                    return Err(SqlError::at(expr.pos, "a statement has one window at most"));
                }
                ExprKind::Window(found) => window = Some(*found),
                _ => keys.push(expr),
            }
            if !self.eat(",") {
                return Ok((keys, window));
            }
        }
    }

    fn order_by(&mut self) -> Result<Vec<SortKey>, SqlError> {
        let mut keys = Vec::new();
        if !self.eat_word("ORDER") {
            return Ok(keys);
        }
        self.expect_word("BY")?;
        loop {
            let expr = self.expr()?;
            let descending = self.eat_word("DESC");
            if !descending {
                self.eat_word("ASC");
            }
            keys.push(SortKey { expr, descending });
            if !self.eat(",") {
                return Ok(keys);
            }
        }
    }

    fn limit(&mut self) -> Result<Option<usize>, SqlError> {
        if !self.eat_word("LIMIT") {
            return Ok(None);
        }
        match self.peek() {
            Token::Int(n) if usize::try_from(*n).is_ok() => {
                let n = usize::try_from(*n).ok();
                self.at += 1;
                Ok(n)
            }
            _ => Err(self.unexpected("a count after LIMIT")),
        }
    }
}
