//! Expressions: precedence climbing over operands with postfix access.

use std::sync::Arc;

use super::{Clause, Parser, is_reserved};
use crate::ast::{Call, Case, Expr, ExprKind, InSet, Name, Op, Unit, Wildcard};
use crate::error::{Pos, SqlError, did_you_mean};
use crate::functions::{self, Kind};
use crate::lexer::Token;

/// The precedence of comparisons; IN, LIKE and BETWEEN bind like them.
const COMPARISON: u8 = 3;

impl Parser {
    pub(super) fn expr(&mut self) -> Result<Expr, SqlError> {
        let expr = self.binary(1)?;
        // Once for each whole expression, not for those within it.
        if self.depth == 0 {
            self.check_depth(&expr)?;
        }
        Ok(expr)
    }

    fn operator(&self) -> Option<Op> {
        match self.peek() {
            Token::Symbol(s) => Some(match *s {
                "=" => Op::Eq,
                "!=" => Op::Ne,
                "<" => Op::Lt,
                "<=" => Op::Le,
                ">" => Op::Gt,
                ">=" => Op::Ge,
                "+" => Op::Add,
                "-" => Op::Sub,
                "*" => Op::Mul,
                "/" => Op::Div,
                "%" => Op::Mod,
                "&" => Op::BitAnd,
                "|" => Op::BitOr,
                "^" => Op::BitXor,
                _ => return None,
            }),
            _ if self.is_word("AND") => Some(Op::And),
            _ if self.is_word("OR") => Some(Op::Or),
            _ => None,
        }
    }

    fn binary(&mut self, least: u8) -> Result<Expr, SqlError> {
        self.nested(|p| {
            let mut left = p.unary()?;
            loop {
                if least <= COMPARISON
                    && let Some(found) = p.set_operator(&left)?
                {
                    p.operator_read()?;
                    left = found;
                    continue;
                }
                let Some(op) = p.operator().filter(|op| op.precedence() >= least) else { return Ok(left) };
                p.operator_read()?;
                p.next();
                let right = p.binary(op.precedence() + 1)?;
                let pos = left.pos;
                left = Expr { kind: ExprKind::Binary(op, Box::new(left), Box::new(right)), pos };
            }
        })
    }

    /// IN, LIKE and BETWEEN, each perhaps after NOT.
    fn set_operator(&mut self, left: &Expr) -> Result<Option<Expr>, SqlError> {
        let negated = self.is_word("NOT") && ["IN", "LIKE", "BETWEEN"].iter().any(|w| self.is_word_at(1, w));
        let after = usize::from(negated);
        let skip = |p: &mut Self| p.at += after + 1;
        let value = Box::new(left.clone());
        let kind = if self.is_word_at(after, "IN") {
            skip(self);
            let set =
                if self.eat("(") { self.in_list()? } else { InSet::Array(Box::new(self.binary(COMPARISON + 1)?)) };
            ExprKind::In { value, negated, set }
        } else if self.is_word_at(after, "LIKE") {
            skip(self);
            let pattern = Box::new(self.binary(COMPARISON + 1)?);
            if !matches!(pattern.kind, ExprKind::Str(_)) && is_literal(&pattern) {
                return Err(SqlError::at(pattern.pos, "the pattern of LIKE must be a text"));
            }
            ExprKind::Like { value, negated, pattern }
        } else if self.is_word_at(after, "BETWEEN") {
            skip(self);
            let low = Box::new(self.binary(COMPARISON + 1)?);
            if !self.eat_word("AND") {
                return Err(self.unexpected("AND and the upper bound of BETWEEN"));
            }
            let high = Box::new(self.binary(COMPARISON + 1)?);
            ExprKind::Between { value, negated, low, high }
        } else {
            return Ok(None);
        };
        Ok(Some(Expr { kind, pos: left.pos }))
    }

    fn in_list(&mut self) -> Result<InSet, SqlError> {
        let mut items = Vec::new();
        if self.is(")") {
            return Err(self.unexpected("an element for IN"));
        }
        loop {
            items.push(self.expr()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(InSet::List(items))
    }

    fn unary(&mut self) -> Result<Expr, SqlError> {
        let pos = self.pos();
        if self.is_word("NOT") {
            self.next();
            let inner = self.nested(Self::unary)?;
            return Ok(Expr { kind: ExprKind::Not(Box::new(inner)), pos });
        }
        if self.is("-") {
            return self.negative(pos);
        }
        let operand = self.operand()?;
        self.postfix(operand)
    }

    /// A minus sign stands before a number alone.
    fn negative(&mut self, pos: Pos) -> Result<Expr, SqlError> {
        let kind = match (self.peek_at(1), self.peek_at(2)) {
            (Token::Int(i), _) => Some((ExprKind::Int(i.wrapping_neg()), 2)),
            (Token::Number(f), _) => Some((ExprKind::Number(-f), 2)),
            // `-. 3`
            (Token::Symbol("."), Token::Int(i)) => format!("-0.{i}").parse().ok().map(|f| (ExprKind::Number(f), 3)),
            _ => None,
        };
        match kind {
            Some((kind, count)) => {
                self.at += count;
                Ok(Expr { kind, pos })
            }
            None => Err(self.unexpected("an expression").with_hint(Some("write 0 - x for the negative of x".into()))),
        }
    }

    fn postfix(&mut self, mut expr: Expr) -> Result<Expr, SqlError> {
        loop {
            let pos = expr.pos;
            if self.is("->") || self.is(".") || self.is("[") {
                self.operator_read()?;
            }
            if self.eat("->") || self.eat(".") {
                let name = self.name("the name of a field")?;
                expr = Expr { kind: ExprKind::Arrow(Box::new(expr), name), pos };
            } else if self.eat("[") {
                expr = Expr { kind: self.brackets(expr)?, pos };
            } else {
                return Ok(expr);
            }
        }
    }

    fn brackets(&mut self, target: Expr) -> Result<ExprKind, SqlError> {
        let target = Box::new(target);
        if self.eat("]") {
            return Ok(ExprKind::Slice(target, None, None));
        }
        let from = if self.is(":") { None } else { Some(Box::new(self.expr()?)) };
        if !self.eat(":") {
            self.expect("]")?;
            return match from {
                Some(index) => Ok(ExprKind::Index(target, index)),
                None => Err(self.unexpected("an index")),
            };
        }
        let to = if self.is("]") { None } else { Some(Box::new(self.expr()?)) };
        self.expect("]")?;
        Ok(ExprKind::Slice(target, from, to))
    }

    fn operand(&mut self) -> Result<Expr, SqlError> {
        let pos = self.pos();
        let kind = match self.peek().clone() {
            Token::Symbol("(") => {
                self.next();
                let inner = self.expr()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("*") => {
                self.next();
                if self.in_meta {
                    ExprKind::Meta { stream: None, name: "*".into() }
                } else {
                    ExprKind::Wildcard(self.wildcard(None)?)
                }
            }
            Token::Str(text) => {
                self.next();
                ExprKind::Str(text)
            }
            Token::Int(i) => {
                self.next();
                ExprKind::Int(i)
            }
            Token::Number(f) => {
                self.next();
                ExprKind::Number(f)
            }
            Token::Duration(nanos, _) => {
                self.next();
                ExprKind::Duration(nanos)
            }
            Token::Ident { text, quoted } => return self.word(&text, quoted, pos),
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { kind, pos })
    }

    fn word(&mut self, text: &Name, quoted: bool, pos: Pos) -> Result<Expr, SqlError> {
        if !quoted {
            let upper = text.to_ascii_uppercase();
            let literal = match upper.as_str() {
                "TRUE" => Some(ExprKind::Bool(true)),
                "FALSE" => Some(ExprKind::Bool(false)),
                "DD" => Some(ExprKind::Unit(Unit::Day)),
                "HH" => Some(ExprKind::Unit(Unit::Hour)),
                "MI" => Some(ExprKind::Unit(Unit::Minute)),
                "SS" => Some(ExprKind::Unit(Unit::Second)),
                "MS" => Some(ExprKind::Unit(Unit::Milli)),
                _ => None,
            };
            if let Some(kind) = literal {
                self.next();
                return Ok(Expr { kind, pos });
            }
            if upper == "CASE" {
                self.next();
                return self.case(pos);
            }
            // LEFT, REPLACE and their like are keywords, but also names of functions where a bracket follows.
            if is_reserved(text) && !(self.peek_at(1) == &Token::Symbol("(") && functions::find(text).is_some()) {
                return Err(self.unexpected("an expression"));
            }
        }
        self.next();
        if !quoted && self.is("(") {
            return self.call(text, pos);
        }
        self.reference(Arc::clone(text), pos)
    }

    /// `name`, `stream.name`, `stream.*`
    fn reference(&mut self, first: Name, pos: Pos) -> Result<Expr, SqlError> {
        if !self.is(".") {
            let kind = if self.in_meta {
                ExprKind::Meta { stream: None, name: first }
            } else {
                ExprKind::Field { stream: None, name: first }
            };
            return Ok(Expr { kind, pos });
        }
        self.next();
        if self.eat("*") {
            let kind = if self.in_meta {
                ExprKind::Meta { stream: Some(first), name: "*".into() }
            } else {
                ExprKind::Wildcard(self.wildcard(Some(first))?)
            };
            return Ok(Expr { kind, pos });
        }
        let name = self.name("the name of a column")?;
        let kind = if self.in_meta {
            ExprKind::Meta { stream: Some(first), name }
        } else {
            ExprKind::Field { stream: Some(first), name }
        };
        Ok(Expr { kind, pos })
    }

    fn wildcard(&mut self, stream: Option<Name>) -> Result<Wildcard, SqlError> {
        let mut wildcard = Wildcard { stream, ..Wildcard::default() };
        if self.is_word("EXCEPT") {
            self.next();
            self.expect("(")?;
            loop {
                wildcard.except.push(self.name("the name of a column")?);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if self.is_word("REPLACE") {
            self.next();
            self.expect("(")?;
            loop {
                let expr = self.expr()?;
                self.expect_word("AS")?;
                wildcard.replace.push((self.name("a name after AS")?, expr));
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(wildcard)
    }

    fn case(&mut self, pos: Pos) -> Result<Expr, SqlError> {
        let invalid = |p: &Self, what: &str| Err(p.unexpected(&format!("{what} in CASE")));
        if self.is_word("ELSE") || self.is_word("END") {
            return invalid(self, "WHEN");
        }
        let value = if self.is_word("WHEN") { None } else { Some(self.expr()?) };
        let mut whens = Vec::new();
        let mut otherwise = None;
        loop {
            if self.eat_word("WHEN") {
                let when = self.expr()?;
                if value.is_none() && is_literal(&when) && !matches!(when.kind, ExprKind::Bool(_)) {
                    return Err(SqlError::at(when.pos, "WHEN takes a condition unless a value follows CASE"));
                }
                if !self.eat_word("THEN") {
                    return invalid(self, "THEN after WHEN");
                }
                whens.push((when, self.expr()?));
            } else if whens.is_empty() {
                return invalid(self, "WHEN");
            } else if self.eat_word("ELSE") {
                otherwise = Some(self.expr()?);
                if !self.eat_word("END") {
                    return invalid(self, "END");
                }
                break;
            } else if self.eat_word("END") {
                break;
            } else {
                return invalid(self, "WHEN, ELSE or END");
            }
        }
        Ok(Expr { kind: ExprKind::Case(Box::new(Case { value, whens, otherwise })), pos })
    }

    fn call(&mut self, written: &str, pos: Pos) -> Result<Expr, SqlError> {
        let lower = written.to_ascii_lowercase();
        if lower.ends_with("window") && super::window::NAMES.contains(&lower.as_str()) {
            return self.window(&lower, pos);
        }
        let Some(function) = functions::find(&lower) else {
            let hint = did_you_mean(&lower, functions::names().chain(super::window::NAMES.iter().copied()));
            return Err(SqlError::at(pos, format!("function {written} not found")).with_hint(hint));
        };
        if function.kind == Kind::Columns && self.clause != Clause::Select {
            let message = format!("function {written} can only be used inside the select clause");
            return Err(SqlError::at(pos, message));
        }
        self.expect("(")?;
        let outer = std::mem::replace(&mut self.in_meta, matches!(function.name, "meta" | "mqtt"));
        let args = self.arguments();
        self.in_meta = outer;
        let mut args = args?;
        function
            .validate(&args)
            .map_err(|e| SqlError::at(pos, format!("validate function {} error: {e}", function.name)))?;
        if function.name == "deduplicate" {
            args.insert(0, Expr { kind: ExprKind::Wildcard(Wildcard::default()), pos });
        }
        let mut call = Call { name: function.name.into(), args, partition: Vec::new(), when: None };
        if self.is_word("OVER") {
            if !matches!(function.kind, Kind::Analytic | Kind::Columns) {
                let message = format!("found OVER after {}, which is no analytic function", function.name);
                return Err(SqlError::at(self.pos(), message));
            }
            self.next();
            let over = self.over()?;
            call.partition = over.0;
            call.when = over.1.map(Box::new);
        }
        Ok(Expr { kind: ExprKind::Call(call), pos })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, SqlError> {
        let mut args = Vec::new();
        if self.eat(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expr()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(args)
    }

    /// `([PARTITION BY e, …] [WHEN e])`
    pub(super) fn over(&mut self) -> Result<(Vec<Expr>, Option<Expr>), SqlError> {
        self.expect("(")?;
        let mut partition = Vec::new();
        if self.eat_word("PARTITION") {
            self.expect_word("BY")?;
            loop {
                partition.push(self.expr()?);
                if !self.eat(",") {
                    break;
                }
            }
        }
        let when = if self.eat_word("WHEN") { Some(self.expr()?) } else { None };
        if partition.is_empty() && when.is_none() {
            return Err(self.unexpected("PARTITION BY or WHEN"));
        }
        self.expect(")")?;
        Ok((partition, when))
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Int(_) | ExprKind::Number(_) | ExprKind::Str(_) | ExprKind::Bool(_) | ExprKind::Unit(_)
    )
}
