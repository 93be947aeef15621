//! Patterns of LIKE: `%` stands for any text, `_` for one character.

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct LikePattern(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Many,
    One,
    Char(char),
}

impl LikePattern {
    /// Takes a pattern apart. After a backslash, `%` and `_` stand for themselves, and the backslash as well.
    pub fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '%' => Part::Many,
                '_' => Part::One,
                other => Part::Char(other),
            });
            if c == '\\'
                && let Some(literal) = chars.next_if(|next| matches!(next, '%' | '_'))
            {
                parts.push(Part::Char(literal));
            }
        }
        Self(parts)
    }

    /// Whether all of `text` fits. The time is at most the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let parts = &self.0;
        let (mut t, mut p) = (0, 0);
        // Where to take up again when what follows the last `%` does not fit.
        let mut again: Option<(usize, usize)> = None;
        while t < text.len() {
            match parts.get(p) {
                Some(Part::Many) => {
                    again = Some((t, p + 1));
                    p += 1;
                }
                Some(Part::One) => {
                    t += 1;
                    p += 1;
                }
                Some(Part::Char(c)) if text.get(t) == Some(c) => {
                    t += 1;
                    p += 1;
                }
                _ => match again {
                    Some((from, next)) => {
                        again = Some((from + 1, next));
                        t = from + 1;
                        p = next;
                    }
                    None => return false,
                },
            }
        }
        parts.iter().skip(p).all(|part| *part == Part::Many)
    }
}
