//! From the text of a template to its parts.

use super::{Func, Part, Term};
use crate::error::EvalError;
use crate::value::Value;

/// How deep blocks and parentheses may be nested.
const MAX_DEPTH: usize = 32;

/// A text, or what stands between `{{` and `}}`.
enum Piece {
    Text(String),
    Action(String),
}

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Part>, EvalError> {
    let mut pieces = pieces(text)?.into_iter();
    let (parts, end) = block(&mut pieces, 0)?;
    match end {
        None => Ok(parts),
        Some(action) => Err(EvalError::new(format!("{{{{{action}}}}} ends nothing"))),
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, EvalError> {
    let mut out = Vec::new();
    let (mut rest, mut trims) = (text, false);
    loop {
        let (before, after) = match rest.split_once("{{") {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        let before = if trims { before.trim_start() } else { before };
        let Some(after) = after else {
            out.push(Piece::Text(before.to_owned()));
            return Ok(out);
        };
        let Some((action, next)) = after.split_once("}}") else {
            return Err(EvalError::new("a place that begins with {{ does not end with }}"));
        };
        let (action, trims_before) = match action.strip_prefix('-') {
            Some(inner) if inner.starts_with(char::is_whitespace) => (inner, true),
            _ => (action, false),
        };
        out.push(Piece::Text(if trims_before { before.trim_end() } else { before }.to_owned()));
        let action = match action.strip_suffix('-') {
            Some(inner) if inner.ends_with(char::is_whitespace) => {
                trims = true;
                inner
            }
            _ => {
                trims = false;
                action
            }
        };
        if !action.trim_start().starts_with("/*") {
            out.push(Piece::Action(action.trim().to_owned()));
        }
        rest = next;
    }
}

/// The parts up to `end` or `else`, which is returned as well.
fn block(pieces: &mut impl Iterator<Item = Piece>, depth: usize) -> Result<(Vec<Part>, Option<String>), EvalError> {
    if depth > MAX_DEPTH {
        return Err(EvalError::new(format!("blocks are nested more than {MAX_DEPTH} deep")));
    }
    let mut parts = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text(text) => {
                if !text.is_empty() {
                    parts.push(Part::Text(text));
                }
                continue;
            }
            Piece::Action(action) => action,
        };
        let (word, tail) = action.split_once(char::is_whitespace).unwrap_or((&action, ""));
        match word {
            "end" | "else" => return Ok((parts, Some(action))),
            "if" => parts.push(condition(tail, pieces, depth)?),
            "range" => {
                let (names, over) = tail.split_once(":=").map_or((None, tail), |(names, over)| (Some(names), over));
                let names: Vec<String> = names
                    .unwrap_or_default()
                    .split(',')
                    .filter_map(|name| name.trim().strip_prefix('$').map(str::to_owned))
                    .collect();
                let (key, item) = match names.as_slice() {
                    [] => (None, None),
                    [item] => (None, Some(item.clone())),
                    [key, item, ..] => (Some(key.clone()), Some(item.clone())),
                };
                let over = term(over)?;
                let (each, end) = block(pieces, depth + 1)?;
                let otherwise = match end.as_deref() {
                    Some("end") => Vec::new(),
                    Some("else") => closed(block(pieces, depth + 1)?)?,
                    _ => return Err(open("range")),
                };
                parts.push(Part::Range { over, key, item, each, otherwise });
            }
            _ => parts.push(Part::Show(term(&action)?)),
        }
    }
    Ok((parts, None))
}

fn condition(text: &str, pieces: &mut impl Iterator<Item = Piece>, depth: usize) -> Result<Part, EvalError> {
    if depth > MAX_DEPTH {
        return Err(EvalError::new(format!("conditions are nested more than {MAX_DEPTH} deep")));
    }
    let condition_term = term(text)?;
    let (then, end) = block(pieces, depth + 1)?;
    let otherwise = match end.as_deref() {
        Some("end") => Vec::new(),
        Some("else") => closed(block(pieces, depth + 1)?)?,
        Some(other) => match other.strip_prefix("else").map(str::trim_start).and_then(|o| o.strip_prefix("if ")) {
            Some(next) => vec![condition(next, pieces, depth + 1)?],
            None => return Err(open("if")),
        },
        None => return Err(open("if")),
    };
    Ok(Part::If { condition: condition_term, then, otherwise })
}

fn closed((parts, end): (Vec<Part>, Option<String>)) -> Result<Vec<Part>, EvalError> {
    if end.as_deref() == Some("end") { Ok(parts) } else { Err(open("else")) }
}

fn open(word: &str) -> EvalError {
    EvalError::new(format!("{{{{{word}}}}} is not closed by {{{{end}}}}"))
}

/// Reads what stands in a place: `.a.b`, `index . 0 "a"`, `(index . 0).a`.
fn term(text: &str) -> Result<Term, EvalError> {
    let unknown = || EvalError::new(format!("the place {{{{{text}}}}} of the template is not understood"));
    let tokens = tokens(text).ok_or_else(unknown)?;
    let mut rest = tokens.as_slice();
    let whole = call(&mut rest, 0).filter(|_| rest.is_empty());
    whole.ok_or_else(unknown)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Text(String),
    /// A word as it stands, without blanks: `.a.b`, `$x.a`, `12`, `index`.
    Word(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.peek().copied() {
        match c {
            '(' | ')' => {
                chars.next();
                out.push(if c == '(' { Token::Open } else { Token::Close });
            }
            '"' | '`' => {
                chars.next();
                let mut quoted = String::new();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => quoted.push(match chars.next()? {
                            'n' => '\n',
                            't' => '\t',
                            other => other,
                        }),
                        other => quoted.push(other),
                    }
                }
                out.push(Token::Text(quoted));
            }
            c if c.is_whitespace() => {
                chars.next();
            }
            _ => {
                let mut word = String::new();
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !"()\"`".contains(*c)) {
                    word.push(c);
                }
                out.push(Token::Word(word));
            }
        }
    }
    Some(out)
}

fn call(rest: &mut &[Token], depth: usize) -> Option<Term> {
    if depth > MAX_DEPTH {
        return None;
    }
    let func = match rest.first()? {
        Token::Word(word) => function(word),
        _ => None,
    };
    let Some(func) = func else { return operand(rest, depth) };
    *rest = rest.get(1..)?;
    let mut args = Vec::new();
    while !rest.is_empty() && rest.first() != Some(&Token::Close) {
        args.push(operand(rest, depth)?);
    }
    let fits = match func {
        Func::Json | Func::Len | Func::Not => args.len() == 1,
        Func::Index | Func::And | Func::Or => !args.is_empty(),
        Func::Eq => args.len() >= 2,
        _ => args.len() == 2,
    };
    fits.then_some(Term::Call(func, args))
}

fn operand(rest: &mut &[Token], depth: usize) -> Option<Term> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    match first {
        Token::Text(text) => Some(Term::Const(Value::str(text))),
        Token::Close => None,
        Token::Open => {
            let inner = call(rest, depth + 1)?;
            let tail = rest.strip_prefix(&[Token::Close])?;
            *rest = tail;
            // `(…).a`: the fields follow the parenthesis.
            match tail.first() {
                Some(Token::Word(word)) if word.starts_with('.') && word.len() > 1 => {
                    *rest = tail.get(1..)?;
                    fields(inner, word)
                }
                _ => Some(inner),
            }
        }
        Token::Word(word) => match word.chars().next()? {
            '.' => fields(Term::Dot, word),
            '$' => {
                let end = word.find('.').unwrap_or(word.len());
                let name = word.get(1..end)?.to_owned();
                fields(Term::Variable(name), word.get(end..)?)
            }
            _ => match word.as_str() {
                "true" => Some(Term::Const(Value::Bool(true))),
                "false" => Some(Term::Const(Value::Bool(false))),
                "nil" => Some(Term::Const(Value::Null)),
                _ => {
                    let int = word.parse().ok().map(Value::Int);
                    let number = int.or_else(|| word.parse().ok().map(Value::Float));
                    number.map(Term::Const)
                }
            },
        },
    }
}

/// `.a.b` of a term; `.` alone is the term.
fn fields(of: Term, path: &str) -> Option<Term> {
    let mut names = path.split('.').filter(|name| !name.is_empty());
    names
        .try_fold((of, 0_usize), |(of, depth), name| {
            (depth < MAX_DEPTH).then(|| (Term::Field(Box::new(of), name.to_owned()), depth + 1))
        })
        .map(|(term, _)| term)
}

fn function(word: &str) -> Option<Func> {
    Some(match word {
        "index" => Func::Index,
        "json" | "toJson" => Func::Json,
        "len" => Func::Len,
        "eq" => Func::Eq,
        "ne" => Func::Ne,
        "lt" => Func::Lt,
        "le" => Func::Le,
        "gt" => Func::Gt,
        "ge" => Func::Ge,
        "and" => Func::And,
        "or" => Func::Or,
        "not" => Func::Not,
        _ => return None,
    })
}
