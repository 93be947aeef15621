//! Comma-separated values (RFC 4180): quotes, line ends within them, and nothing else.

/// The records of a text with the line on which each begins; blank lines are none.
///
/// An item is an error when a quote is not closed, or something follows one that was.
pub(crate) fn records(text: &str) -> impl Iterator<Item = Result<(usize, Vec<String>), String>> + '_ {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let begins = line;
            match record(rest, &mut line) {
                Ok((fields, after)) => {
                    rest = after;
                    if fields != [""] {
                        return Some(Ok((begins, fields)));
                    }
                }
                Err(what) => {
                    rest = "";
                    return Some(Err(format!("line {begins} of the table: {what}")));
                }
            }
        }
    })
}

/// One record, and what follows its line end.
fn record<'a>(text: &'a str, line: &mut usize) -> Result<(Vec<String>, &'a str), &'static str> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = field(rest, line)?;
        fields.push(field);
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None => {
                *line += 1;
                let after = after.strip_prefix('\r').unwrap_or(after);
                return Ok((fields, after.strip_prefix('\n').unwrap_or(after)));
            }
        };
    }
}

fn field<'a>(text: &'a str, line: &mut usize) -> Result<(String, &'a str), &'static str> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\n']).unwrap_or(text.len());
        let end = if text[..end].ends_with('\r') && text[end..].starts_with('\n') { end - 1 } else { end };
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut out = String::new();
    loop {
        let end = rest.find('"').ok_or("a quote is not closed")?;
        *line += rest[..end].matches('\n').count();
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                out.push('"');
                rest = after;
            }
            None if rest.is_empty() || rest.starts_with([',', '\n', '\r']) => return Ok((out, rest)),
            None => return Err("something follows a closing quote"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(usize, Vec<String>)> {
        records(text).map(Result::unwrap).collect()
    }

    #[test]
    fn records_are_read_as_the_rfc_says() {
        let text = "\u{feff}a,b\r\n\r\n1,\"x, \"\"y\"\"\nz\"\n,\n2,";
        let expected = [(1, vec!["a", "b"]), (3, vec!["1", "x, \"y\"\nz"]), (5, vec!["", ""]), (6, vec!["2", ""])];
        let found = read(text);
        let found: Vec<(usize, Vec<&str>)> =
            found.iter().map(|(line, fields)| (*line, fields.iter().map(String::as_str).collect())).collect();
        assert_eq!(found, expected);
        assert_eq!(records("a,\"b").last().unwrap().unwrap_err(), "line 1 of the table: a quote is not closed");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(rows in prop::collection::vec(prop::collection::vec("[a,\"\r\n é]{0,4}", 2..4), 0..5)) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let lines: Vec<String> =
                rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
            let found: Vec<Vec<String>> = read(&lines.join("\n")).into_iter().map(|(_, fields)| fields).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}|[a,\"\r\n]{0,20}") {
            let _ = records(&text).count();
        }
    }
}
