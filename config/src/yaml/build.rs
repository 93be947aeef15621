//! From the parser's events to the tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{Key, Kind, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, scalar};
use crate::problem::{Position, Problem};

/// Reads one file's bytes. An empty file is an empty mapping.
///
/// # Errors
/// The first thing that makes the file no YAML (what follows it could not be trusted), or every key that stands twice.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Node, Vec<Problem>> {
    let fail = |at, message: &str, help: &str| vec![Problem::new(file, at, message).help(help)];
    if bytes.len() > MAX_BYTES {
        return Err(fail(
            Position::START,
            "the file is bigger than 1 MiB",
            "a file of the configuration is small; is this the right one?",
        ));
    }
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            return Err(fail(
                end_of(&good),
                "this is no UTF-8 text",
                "save the file as UTF-8; or was it written only in part?",
            ));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The scanner takes NUL for the end of the input: a file that a crash left half full of zeros would pass for complete.
    if let Some((index, c)) =
        text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}'))
    {
        let message = format!("there is a control character (U+{:04X}) here", u32::from(c));
        return Err(fail(end_of(&text[..index]), &message, "remove it; or was the file written only in part?"));
    }
    Builder {
        file,
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        recording: Vec::new(),
        nodes: 0,
        problems: Vec::new(),
    }
    .run(text)
}

/// The position just behind `text`.
fn end_of(text: &str) -> Position {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position { line, column }
}

enum Open {
    List { at: Position, anchor: usize, items: Vec<Node> },
    Map { at: Position, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key>, seen: HashMap<String, usize> },
}

struct Builder<'f> {
    file: &'f str,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    /// For each anchored collection that is open, how many nodes there were before it.
    recording: Vec<usize>,
    nodes: usize,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn run(mut self, text: &str) -> Result<Node, Vec<Problem>> {
        let mut documents = 0;
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let step = match event {
                Ok((Event::DocumentStart(_), span)) => {
                    documents += 1;
                    if documents > 1 {
                        Err(self.problem(
                            position(span),
                            "a second document begins here",
                            "one file holds one document: remove what follows `---`",
                        ))
                    } else {
                        Ok(())
                    }
                }
                Ok((event, span)) => self.event(event, span),
                Err(error) => Err(self.syntax(&error, text)),
            };
            if let Err(problem) = step {
                self.problems.push(problem);
                return Err(self.problems);
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let empty = Node { at: Position::START, kind: Kind::Map(Vec::new()), written: String::new(), resolved: false };
        Ok(self.root.filter(|root| root.kind != Kind::Null).unwrap_or(empty))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let at = position(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = self.scalar(&text, style, tag.as_deref(), at)?;
                let node = Node { at, kind, written: text.into_owned(), resolved: false };
                // Long texts count by their length: an alias multiplies them, too.
                let weight = 1 + node.written.len() / 32;
                self.count(weight, at)?;
                if anchor > 0 {
                    self.anchors.insert(anchor, (node.clone(), weight));
                }
                self.place(node)
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(self.problem(at, "this alias stands inside what it names", "write the value out"));
                };
                self.count(size, at)?;
                // An error in what an alias stands for is told where the alias stands; its inner nodes keep their own places.
                self.place(Node { at, ..node })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at)?;
                self.open(Open::List { at, anchor, items: Vec::new() }, at)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at)?;
                self.open(Open::Map { at, anchor, entries: Vec::new(), key: None, seen: HashMap::new() }, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open, at: Position) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.problem(
                at,
                format!("this is nested deeper than {MAX_DEPTH} levels"),
                "no part of the configuration is that deep",
            ));
        }
        self.recording.push(self.nodes);
        self.count(1, at)?;
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let before = self.recording.pop().unwrap_or_default();
        let (node, anchor) = match self.open.pop() {
            Some(Open::List { at, anchor, items }) => {
                (Node { at, kind: Kind::List(items), written: String::new(), resolved: false }, anchor)
            }
            Some(Open::Map { at, anchor, entries, .. }) => {
                let at = entries.first().map_or(at, |(key, _)| if at.line == key.at.line { at } else { key.at });
                (Node { at, kind: Kind::Map(entries), written: String::new(), resolved: false }, anchor)
            }
            None => return Ok(()),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        self.place(node)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) -> Result<(), Problem> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, seen, .. }) => match key.take() {
                None => {
                    if matches!(node.kind, Kind::List(_) | Kind::Map(_)) {
                        return Err(self.problem(
                            node.at,
                            "a list or mapping can't be a key",
                            "write `key: value`; a value that begins with `{` or `[` needs quotes",
                        ));
                    }
                    if node.written == "<<" {
                        return Err(self.problem(
                            node.at,
                            "merge keys (`<<`) are not supported",
                            "write the keys out; `*alias` as a value works",
                        ));
                    }
                    let new = Key { at: node.at, text: node.written };
                    if let Some(first) = seen.insert(new.text.clone(), new.at.line) {
                        let message = format!("the key `{}` stands twice", quote(&new.text));
                        let help = format!("it already stands in line {first}; keep one of them");
                        self.problems.push(Problem::new(self.file, new.at, message).help(help));
                    }
                    *key = Some(new);
                }
                Some(name) => {
                    // An empty value has no place of its own: the key's serves.
                    let at = if node.kind == Kind::Null && node.written.is_empty() { name.at } else { node.at };
                    entries.push((name, Node { at, ..node }));
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, more: usize, at: Position) -> Result<(), Problem> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err(self.problem(
                at,
                format!("the file stands for more than {MAX_NODES} values here"),
                "aliases multiply what they name: write less",
            ));
        }
        Ok(())
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<Kind, Problem> {
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(Kind::Text(text.to_owned())),
            Some(_) => self.refuse_tag(tag, at).map(|()| Kind::Null),
            None if style == ScalarStyle::Plain => Ok(scalar::resolve(text)),
            None => Ok(Kind::Text(text.to_owned())),
        }
    }

    fn refuse_tag(&self, tag: Option<&Tag>, at: Position) -> Result<(), Problem> {
        match tag {
            None => Ok(()),
            Some(_) => {
                Err(self.problem(at, "tags (`!…`) are not supported", "put a text that begins with `!` in quotes"))
            }
        }
    }

    fn problem(&self, at: Position, message: impl Into<String>, help: &str) -> Problem {
        Problem::new(self.file, at, message).help(help)
    }

    /// Rewrites the scanner's words. They name YAML's productions and never a value of the file.
    fn syntax(&self, error: &ScanError, text: &str) -> Problem {
        // The scanner counts one line too many at the end of a file that does not end in one.
        let found = Position { line: error.marker().line().max(1), column: error.marker().col() + 1 };
        let at = found.min(end_of(text));
        // The scanner tells some tabs where the text before them began.
        let tabbed =
            text.lines().enumerate().skip(at.line - 1).take(if error.info().contains("tab") { usize::MAX } else { 1 });
        for (index, line) in tabbed {
            let indent = line.len() - line.trim_start().len();
            if let Some(tab) = line[..indent].find('\t') {
                return self.problem(
                    Position { line: index + 1, column: tab + 1 },
                    "a tab can't indent YAML",
                    "use spaces",
                );
            }
        }
        if error.info().contains("unknown anchor") {
            return self.problem(
                at,
                "this alias names no anchor before it",
                "put a text that begins with `*` in quotes",
            );
        }
        let ended = text.chars().count() <= error.marker().index() || error.info().contains("end of stream");
        let (place, help) = match ended {
            true => ("the file ends too early", "was it written only in part?"),
            false => (
                "this is no YAML",
                "check indentation, quotes and brackets; put a text with `: `, `#`, `{` or `[` in quotes",
            ),
        };
        self.problem(at, format!("{place}: {}", error.info()), help)
    }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line().max(1), column: span.start.col() + 1 }
}

fn quote(text: &str) -> String {
    crate::words::shown(text)
}
