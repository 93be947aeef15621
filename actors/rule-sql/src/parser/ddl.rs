//! CREATE STREAM, CREATE TABLE and the statements that ask about them.

use std::collections::BTreeMap;

use super::Parser;
use crate::ast::ExprKind;
use crate::catalog::{Column, Relation, Statement, Type};
use crate::error::{Pos, SqlError, did_you_mean};
use crate::lexer::Token;
use crate::value::{Strictness, Value, to_bool, to_float, to_int, to_text};

/// Options that a declaration can have.
const OPTIONS: &[&str] = &[
    "DATASOURCE",
    "FORMAT",
    "KEY",
    "CONF_KEY",
    "SHARED",
    "STRICT_VALIDATION",
    "TYPE",
    "TIMESTAMP",
    "TIMESTAMP_FORMAT",
    "RETAIN_SIZE",
    "SCHEMAID",
    "KIND",
    "DELIMITER",
    "EXTRA",
    "TEMP",
    "VERSION",
];

const FORMATS: &[&str] = &["json", "binary", "delimited", "protobuf", "custom", "urlencoded", "none"];

const TYPES: &[&str] = &["BIGINT", "FLOAT", "STRING", "DATETIME", "BOOLEAN", "BYTEA", "ARRAY", "STRUCT"];

impl Parser {
    pub(super) fn statement(&mut self) -> Result<Statement, SqlError> {
        if self.eat_word("CREATE") {
            return self.create().map(Statement::Create);
        }
        if self.eat_word("SHOW") {
            return if self.eat_word("STREAMS") {
                Ok(Statement::Show { tables: false })
            } else if self.eat_word("TABLES") {
                Ok(Statement::Show { tables: true })
            } else {
                Err(self.unexpected("STREAMS or TABLES"))
            };
        }
        let word = ["DESCRIBE", "EXPLAIN", "DROP"].into_iter().find(|w| self.is_word(w));
        let Some(word) = word else { return Err(self.unexpected("CREATE, SHOW, DESCRIBE, EXPLAIN or DROP")) };
        self.next();
        let table = self.stream_or_table()?;
        let name = self.name("a name")?;
        Ok(match word {
            "DESCRIBE" => Statement::Describe { table, name },
            "EXPLAIN" => Statement::Explain { table, name },
            _ => Statement::Drop { table, name },
        })
    }

    fn stream_or_table(&mut self) -> Result<bool, SqlError> {
        if self.eat_word("STREAM") {
            Ok(false)
        } else if self.eat_word("TABLE") {
            Ok(true)
        } else {
            Err(self.unexpected("STREAM or TABLE"))
        }
    }

    fn create(&mut self) -> Result<Relation, SqlError> {
        let table = self.stream_or_table()?;
        let pos = self.pos();
        let name = self.name("the name of a stream")?;
        let columns = self.columns()?;
        self.expect_word("WITH")?;
        let options = self.options()?;
        let relation = Relation { name, table, columns, options };
        check(&relation, pos)?;
        Ok(relation)
    }

    fn columns(&mut self) -> Result<Vec<Column>, SqlError> {
        self.expect("(")?;
        let mut columns: Vec<Column> = Vec::new();
        while !self.eat(")") {
            let pos = self.pos();
            let name = self.name("the name of a column")?;
            if columns.iter().any(|c| c.name == name) {
                return Err(SqlError::at(pos, format!("column {name} is declared twice")));
            }
            let ty = self.nested(Self::column_type)?;
            let default = if self.eat_word("DEFAULT") { Some(self.default_value(&ty)?) } else { None };
            columns.push(Column { name, ty, default });
            if !self.eat(",") && !self.is(")") {
                return Err(self.unexpected("a comma or \")\""));
            }
        }
        Ok(columns)
    }

    fn column_type(&mut self) -> Result<Type, SqlError> {
        let Token::Ident { text, .. } = self.peek().clone() else { return Err(self.unexpected("a type")) };
        if let Some(simple) = Type::simple(&text) {
            self.next();
            return Ok(simple);
        }
        if self.eat_word("ARRAY") {
            self.expect("(")?;
            let item = self.nested(Self::column_type)?;
            self.expect(")")?;
            return Ok(Type::Array(Box::new(item)));
        }
        if self.eat_word("STRUCT") {
            let columns = self.columns()?;
            if columns.is_empty() {
                return Err(self.unexpected("the columns of a struct"));
            }
            return Ok(Type::Struct(columns));
        }
        Err(self.unexpected("a type").with_hint(did_you_mean(&text, TYPES.iter().copied())))
    }

    fn default_value(&mut self, ty: &Type) -> Result<Value, SqlError> {
        let expr = self.expr()?;
        let value = match expr.kind {
            ExprKind::Int(i) => Value::Int(i),
            ExprKind::Number(f) => Value::Float(f),
            ExprKind::Str(s) => Value::Str(s),
            ExprKind::Bool(b) => Value::Bool(b),
            _ => return Err(SqlError::at(expr.pos, "DEFAULT takes a literal")),
        };
        let converted = match ty {
            Type::Bigint => to_int(&value, Strictness::SameKind).map(Value::Int),
            Type::Float => to_float(&value, Strictness::SameKind).map(Value::Float),
            Type::String => to_text(&value, Strictness::SameKind).map(Value::Str),
            Type::Boolean => to_bool(&value, Strictness::Strict).map(Value::Bool),
            Type::Datetime => Ok(value),
            Type::Bytea | Type::Array(_) | Type::Struct(_) => {
                return Err(SqlError::at(expr.pos, "DEFAULT is possible for simple types other than bytea alone"));
            }
        };
        converted.map_err(|e| SqlError::at(expr.pos, e.to_string()))
    }

    fn options(&mut self) -> Result<BTreeMap<String, String>, SqlError> {
        let mut options = BTreeMap::new();
        self.expect("(")?;
        while !self.eat(")") {
            let pos = self.pos();
            let Token::Ident { text, .. } = self.next() else {
                self.at -= 1;
                return Err(self.unexpected("an option"));
            };
            let key = text.to_ascii_uppercase();
            if !OPTIONS.contains(&key.as_str()) {
                let hint = did_you_mean(&key, OPTIONS.iter().copied());
                return Err(SqlError::at(pos, format!("unknown option {key}")).with_hint(hint));
            }
            self.expect("=")?;
            let pos = self.pos();
            let Token::Str(value) = self.peek().clone() else { return Err(self.unexpected("a text in quotes")) };
            self.next();
            check_option(&key, &value, pos)?;
            options.insert(key, value.to_string());
            if !self.eat(",") && !self.is(")") {
                return Err(self.unexpected("a comma or \")\""));
            }
        }
        Ok(options)
    }
}

fn check_option(key: &str, value: &str, pos: Pos) -> Result<(), SqlError> {
    let valid = match key {
        "STRICT_VALIDATION" | "SHARED" | "TEMP" => {
            value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
        }
        "RETAIN_SIZE" => value.parse::<usize>().is_ok(),
        "KIND" => ["lookup", "scan"].iter().any(|k| value.eq_ignore_ascii_case(k)),
        "EXTRA" => serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value).is_ok(),
        _ => true,
    };
    let expected = match key {
        "RETAIN_SIZE" => "a count",
        "KIND" => "\"lookup\" or \"scan\"",
        "EXTRA" => "a JSON object",
        _ => "\"true\" or \"false\"",
    };
    if valid { Ok(()) } else { Err(SqlError::at(pos, format!("option {key} must be {expected}, not \"{value}\""))) }
}

fn check(relation: &Relation, pos: Pos) -> Result<(), SqlError> {
    let format = relation.option("FORMAT").unwrap_or("json").to_ascii_lowercase();
    if !FORMATS.contains(&format.as_str()) {
        let hint = did_you_mean(&format, FORMATS.iter().copied());
        return Err(SqlError::at(pos, format!("unknown format \"{format}\"")).with_hint(hint));
    }
    if format == "binary" {
        if relation.table {
            return Err(SqlError::at(pos, "a table cannot have the format \"binary\""));
        }
        if relation.columns.len() > 1 || relation.columns.iter().any(|c| c.ty != Type::Bytea) {
            return Err(SqlError::at(pos, "a stream of the format \"binary\" has one column of type bytea at most"));
        }
    }
    let lookup = relation.option("KIND").is_some_and(|k| k.eq_ignore_ascii_case("lookup"));
    if lookup && !relation.table {
        return Err(SqlError::at(pos, "KIND belongs to tables alone"));
    }
    let memory = relation.option("TYPE").is_some_and(|t| t.eq_ignore_ascii_case("memory"));
    if lookup && memory && relation.option("KEY").is_none_or(str::is_empty) {
        return Err(SqlError::at(pos, "option KEY is required for a lookup table in memory"));
    }
    Ok(())
}
