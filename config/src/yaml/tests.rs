#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn text(yaml: &str) -> Node {
    parse("f.yaml", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn refused(yaml: impl AsRef<[u8]>) -> String {
    let problems = parse("f.yaml", yaml.as_ref()).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn kind(yaml: &str) -> Kind {
    text(&format!("k: {yaml}\n")).child("k".into()).unwrap().kind.clone()
}

#[test]
fn every_node_knows_where_it_stands() {
    let root = text("# first\na: 1\nb:\n  - x\n  - {c: ü, d: y}\ne:\n");
    let at = |node: &Node| (node.at.line, node.at.column);
    assert_eq!(at(&root), (2, 1));
    let list = root.child("b".into()).unwrap();
    assert_eq!(at(list.child(0.into()).unwrap()), (4, 5));
    let map = list.child(1.into()).unwrap();
    assert_eq!(at(map), (5, 5));
    // Columns count characters, not bytes.
    assert_eq!(at(map.child("d".into()).unwrap()), (5, 15));
    assert_eq!(at(root.child("e".into()).unwrap()), (6, 1));
    let crlf = text("a: 1\r\nb: 2\r\n");
    assert_eq!(at(crlf.child("b".into()).unwrap()), (2, 4));
}

#[test]
fn scalars_follow_the_core_schema() {
    assert!(matches!(kind("12"), Kind::Int(12)));
    assert!(matches!(kind("-0x1F"), Kind::Text(_)));
    assert!(matches!(kind("0x1F"), Kind::Int(31)));
    assert!(matches!(kind("1.5e3"), Kind::Float(f) if f == 1500.0));
    assert!(matches!(kind(".5"), Kind::Float(f) if f == 0.5));
    assert!(matches!(kind("true"), Kind::Bool(true)));
    assert!(matches!(kind(".nan"), Kind::Float(f) if f.is_nan()));
    for null in ["", "~", "null"] {
        assert!(matches!(kind(null), Kind::Null), "{null:?}");
    }
    for word in [
        "yes",
        "no",
        "on",
        "22:00",
        "1_000",
        "5s",
        "inf",
        "nan",
        "\"12\"",
        "'true'",
        "1.2.3",
        "e5",
        ".",
        "!!str 12",
        "127.0.0.1:80",
    ] {
        assert!(matches!(kind(word), Kind::Text(_)), "{word}");
    }
}

#[test]
fn an_empty_file_is_an_empty_mapping() {
    for empty in ["", "\n", "# nothing\n", "---\n", "\u{feff}", "~"] {
        assert!(text(empty).kind == Kind::Map(Vec::new()), "{empty:?}");
    }
}

#[test]
fn keys_that_stand_twice_are_all_told() {
    let told = refused("a: 1\nb: {c: 1, c: 2}\na: 3\n");
    assert!(told.contains("f.yaml:2:11: the key `c` stands twice"), "{told}");
    assert!(told.contains("f.yaml:3:1: the key `a` stands twice; it already stands in line 1"), "{told}");
}

#[test]
fn what_a_crash_or_an_editor_leaves_is_told_with_its_place() {
    assert!(refused(b"a: 1\nb: \xff\xfe").starts_with("f.yaml:2:4: this is no UTF-8 text"));
    assert!(refused(b"a: 1\nb: 2\0\0\0\0").starts_with("f.yaml:2:5: there is a control character (U+0000)"));
    assert!(refused("a:\n\tb: 1\n").starts_with("f.yaml:2:1: a tab can't indent YAML"));
    assert!(refused("a: [1, 2\n").starts_with("f.yaml:2:1: the file ends too early"));
    assert!(refused("a: 1\n---\nb: 2\n").starts_with("f.yaml:2:1: a second document"));
    assert!(refused("? [1]\n: 2\n").starts_with("f.yaml:1:3: a list or mapping can't be a key"));
    assert!(refused("a: &x {b: 1}\nc:\n  <<: *x\n").starts_with("f.yaml:3:3: merge keys"));
}

#[test]
fn bombs_are_refused_at_once() {
    let start = std::time::Instant::now();
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for i in 1..12 {
        let before = format!("*a{}, ", i - 1).repeat(10);
        laughs.push_str(&format!("a{i}: &a{i} [{}]\n", before.trim_end_matches(", ")));
    }
    assert!(refused(&laughs).contains("stands for more than"));
    // One long text, named many times, is a bomb, too.
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 5_000].join(", "));
    assert!(refused(&long).contains("stands for more than"));
    for deep in ["[".repeat(200_000), "{a: ".repeat(100_000), "- ".repeat(200_000), "? ".repeat(200_000)] {
        assert!(refused(&deep).contains("f.yaml:1:"), "{}", &deep[..8]);
    }
    assert!(refused("#".repeat(MAX_BYTES + 1)).contains("bigger than 1 MiB"));
    let many_keys: String = (0..60_000).map(|i| format!("k{i}: 1\n")).collect();
    assert!(refused(&many_keys).contains("stands for more than"));
    assert!(refused("a: &a [*a]\n").contains("f.yaml:1:8"));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

proptest! {
    /// Whatever stands in a file, it is read or refused with a place inside it.
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn no_text_that_looks_like_yaml_makes_the_parser_panic(
        text in "([ \\t]{0,4}([a-c]|'|\"|&a |\\*a|!!str|[-?:,#|>{}\\[\\]]|~|1\\.|%|---|\\.\\.\\.|\u{fc}|\\$\\{)? ?(\\n|: )?){0,30}"
    ) {
        check(text.as_bytes())?;
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let lines = String::from_utf8_lossy(bytes).split(['\n', '\r']).count() + 1;
    if let Err(problems) = parse("f.yaml", bytes) {
        prop_assert!(!problems.is_empty());
        for problem in problems {
            prop_assert!(
                problem.line >= 1 && problem.column >= 1 && problem.line <= lines,
                "{problem} in {lines} lines"
            );
        }
    }
    Ok(())
}
