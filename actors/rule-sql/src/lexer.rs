//! Text to tokens. Never fails: what cannot be read becomes a [`Token::Bad`], which the parser reports where it stands.

use std::sync::Arc;

use crate::error::Pos;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A name, as written. `quoted` when it stood in backquotes, and so is never a keyword.
    Ident {
        /// The name.
        text: Arc<str>,
        /// In backquotes.
        quoted: bool,
    },
    /// A text in single or double quotes, unescaped.
    Str(Arc<str>),
    /// An integer.
    Int(i64),
    /// A number with a point or an exponent.
    Number(f64),
    /// A length of time such as `10s` or `1m30s`: in nanoseconds, and as written.
    Duration(i64, Arc<str>),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Something that is no token; the text says what.
    Bad(String),
    /// The end.
    End,
}

impl Token {
    /// How the token is shown in an error.
    pub fn shown(&self) -> String {
        match self {
            Self::Ident { text, .. } => format!("\"{text}\""),
            Self::Str(text) => format!("the text \"{text}\""),
            Self::Int(i) => format!("\"{i}\""),
            Self::Number(f) => format!("\"{f}\""),
            Self::Duration(_, text) => format!("\"{text}\""),
            Self::Symbol(s) => format!("\"{s}\""),
            Self::Bad(what) => what.clone(),
            Self::End => "the end".into(),
        }
    }
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The token.
    pub token: Token,
    /// Its first character.
    pub pos: Pos,
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    pos: Pos,
}

/// Splits `sql` into tokens; the last is [`Token::End`].
pub fn lex(sql: &str) -> Vec<Placed> {
    let mut lexer = Lexer { chars: sql.chars().collect(), at: 0, pos: Pos { line: 1, column: 1 } };
    let mut out = Vec::new();
    loop {
        lexer.skip_blank();
        let pos = lexer.pos;
        let token = lexer.token();
        let end = token == Token::End;
        // A comment that is not closed is all there is to say.
        out.push(Placed { token, pos });
        if end {
            return out;
        }
    }
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.pos.line += 1;
            self.pos.column = 1;
        } else {
            self.pos.column += 1;
        }
        Some(c)
    }

    fn skip_blank(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(c), _) if c.is_whitespace() => {
                    self.bump();
                }
                (Some('-'), Some('-')) => while self.bump().is_some_and(|c| c != '\n') {},
                (Some('/'), Some('*')) if self.comment_closes() => {
                    self.bump();
                    self.bump();
                    while !(self.peek(0) == Some('*') && self.peek(1) == Some('/')) && self.bump().is_some() {}
                    self.bump();
                    self.bump();
                }
                _ => return,
            }
        }
    }

    fn comment_closes(&self) -> bool {
        self.chars.get(self.at + 2..).is_some_and(|rest| rest.windows(2).any(|w| w == ['*', '/']))
    }

    fn token(&mut self) -> Token {
        let Some(c) = self.peek(0) else { return Token::End };
        match c {
            '"' | '\'' => self.string(c),
            '`' => self.quoted(),
            '0'..='9' => self.number(),
            '.' if self.peek(1).is_some_and(|d| d.is_ascii_digit()) => self.number(),
            c if c.is_alphabetic() || c == '_' || c == '$' => self.ident(),
            _ => self.symbol(c),
        }
    }

    fn ident(&mut self) -> Token {
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            if !(c.is_alphanumeric() || c == '_' || c == '$') {
                break;
            }
            text.push(c);
            self.bump();
        }
        Token::Ident { text: Arc::from(text), quoted: false }
    }

    fn quoted(&mut self) -> Token {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('`') => return Token::Ident { text: Arc::from(text), quoted: true },
                Some(c) => text.push(c),
                None => return Token::Bad(format!("a name that is not closed: `{text}")),
            }
        }
    }

    /// `10s`, `1.5h`, `1m30s`: numbers with units right after them, and nothing else.
    fn duration(&mut self) -> Option<Token> {
        let rest = self.chars.get(self.at..)?;
        let word = |c: &char| c.is_alphanumeric() || *c == '_' || *c == '$' || *c == '.';
        let text: String = rest.iter().take(20).take_while(|c| word(c)).collect();
        let long = text.chars().count();
        if rest.get(long).is_some_and(word) {
            return None;
        }
        let nanos = crate::value::parse_duration(&text).filter(|_| !text.contains(['u', 'n', 'µ', 'μ']));
        let nanos = nanos.or_else(|| {
            let days: f64 = text.strip_suffix('d')?.parse().ok()?;
            let nanos = days * 86_400e9;
            // Three hundred years are long enough, and fit.
            (nanos < 9.2e18).then_some(nanos as i64)
        })?;
        if !text.contains(char::is_alphabetic) {
            return None;
        }
        for _ in 0..long {
            self.bump();
        }
        Some(Token::Duration(nanos, Arc::from(text)))
    }

    fn number(&mut self) -> Token {
        if let Some(duration) = self.duration() {
            return duration;
        }
        let mut text = String::new();
        let mut point = false;
        while let Some(c) = self.peek(0) {
            match c {
                '0'..='9' => text.push(c),
                '.' if !point => {
                    point = true;
                    text.push(c);
                }
                _ => break,
            }
            self.bump();
        }
        // An exponent only where digits follow: `1e5`, not the name of a unit.
        if matches!(self.peek(0), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if self.peek(1 + sign).is_some_and(|d| d.is_ascii_digit()) {
                point = true;
                for _ in 0..=sign {
                    text.extend(self.bump());
                }
                while let Some(d) = self.peek(0).filter(char::is_ascii_digit) {
                    text.push(d);
                    self.bump();
                }
            }
        }
        if !point && let Ok(i) = text.parse() {
            return Token::Int(i);
        }
        match text.parse::<f64>() {
            Ok(f) if f.is_finite() => Token::Number(f),
            _ => Token::Bad(format!("a number that cannot be read: {text}")),
        }
    }

    fn string(&mut self, quote: char) -> Token {
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                None => return Token::Bad(format!("a text that is not closed: {quote}{text}")),
                Some(c) if c == quote => return Token::Str(Arc::from(text)),
                Some('\\') => match self.escape() {
                    Some(c) => text.push(c),
                    None => {
                        // Read on to its end, so that the error names the whole text.
                        while self.bump().is_some_and(|c| c != quote) {}
                        return Token::Bad(format!("a text with an escape that is not known, after \"{text}\""));
                    }
                },
                Some('\n') => return Token::Bad(format!("a text that is not closed: {quote}{text}")),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.bump()?;
        let hex = |this: &mut Self, digits: usize| -> Option<char> {
            let mut code = 0_u32;
            for _ in 0..digits {
                code = code.checked_mul(16)?.checked_add(this.bump()?.to_digit(16)?)?;
            }
            char::from_u32(code)
        };
        match c {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'v' => Some('\u{b}'),
            '\\' | '"' | '\'' => Some(c),
            'x' => hex(self, 2),
            'u' => hex(self, 4),
            'U' => hex(self, 8),
            '0'..='3' => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    code = code * 8 + self.bump()?.to_digit(8)?;
                }
                char::from_u32(code)
            }
            _ => None,
        }
    }

    fn symbol(&mut self, c: char) -> Token {
        self.bump();
        // `> =` and `! =` are one operator, as in the language this is compatible with.
        let joined = |this: &mut Self, with: char| -> bool {
            let blanks = this.chars.iter().skip(this.at).take_while(|c| c.is_whitespace()).count();
            if this.peek(blanks) == Some(with) {
                for _ in 0..=blanks {
                    this.bump();
                }
                return true;
            }
            false
        };
        let symbol = match c {
            '=' => {
                if self.peek(0) == Some('=') {
                    self.bump();
                }
                "="
            }
            '!' if joined(self, '=') => "!=",
            '<' if self.peek(0) == Some('>') => {
                self.bump();
                "!="
            }
            '<' if joined(self, '=') => "<=",
            '<' => "<",
            '>' if joined(self, '=') => ">=",
            '>' => ">",
            '-' if self.peek(0) == Some('>') => {
                self.bump();
                "->"
            }
            '-' => "-",
            '+' => "+",
            '*' => "*",
            '/' if self.peek(0) == Some('*') => {
                while self.bump().is_some() {}
                return Token::Bad("a comment that is not closed".into());
            }
            '/' => "/",
            '%' => "%",
            '&' => "&",
            '|' => "|",
            '^' => "^",
            ',' => ",",
            '(' => "(",
            ')' => ")",
            '[' => "[",
            ']' => "]",
            ':' => ":",
            ';' => ";",
            '#' => "#",
            '.' => ".",
            other => return Token::Bad(format!("the character \"{other}\"")),
        };
        Token::Symbol(symbol)
    }
}
