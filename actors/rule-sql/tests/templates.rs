//! Texts of messages, filled in.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use parapet_rule_sql::sink::Template;
use parapet_rule_sql::value::Value;
use proptest::prelude::*;
use serde_json::json;

fn filled(text: &str, data: &serde_json::Value) -> String {
    let template = Template::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    template.fill(&Value::from_json(data)).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn places_are_filled() {
    let row = json!({ "a": 1, "b": { "c": "x y" }, "list": [{ "n": 1.5 }, { "n": 2 }], "none": [] });
    for (text, expected) in [
        ("a={{.a}} c={{ .b.c }} {{.missing}}", "a=1 c=x y <no value>"),
        ("{{index .list 1 \"n\"}} {{(index .list 0).n}} {{len .list}}", "2 1.5 2"),
        ("{{json .b}}", "{\"c\":\"x y\"}"),
        ("{{range .list}}[{{.n}}]{{end}}", "[1.5][2]"),
        ("{{range $i, $e := .list}}{{if $i}}, {{end}}{{$i}}:{{$e.n}}/{{$.a}}{{end}}", "0:1.5/1, 1:2/1"),
        ("{{range .none}}x{{else}}nobody{{end}}", "nobody"),
        ("{{if gt .a 3}}many{{else if eq .a 1 2}}few{{else}}none{{end}}", "few"),
        ("{{if and .a (not .none)}}yes{{end}} {{or .none \"no\"}}", "yes no"),
        ("a  {{- .a -}}  b {{/* aside */}}c", "a1b c"),
        ("{{`raw`}}{{\"q\\\"\"}}", "rawq\""),
    ] {
        assert_eq!(filled(text, &row), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    for text in
        ["{{.a", "{{if .a}}x", "{{end}}", "{{range .a}}{{else}}", "{{shout .a}}", "{{}}", "{{(.a}}", "{{gt .a}}"]
    {
        assert!(Template::parse(text).is_err(), "{text} was accepted");
    }
    let deep = format!("{}{}", "{{if .a}}".repeat(5_000), "{{end}}".repeat(5_000));
    assert!(Template::parse(&deep).is_err());
    let chain = format!("{{{{if .a}}}}{}{{{{end}}}}", "{{else if .b}}".repeat(5_000));
    assert!(Template::parse(&chain).is_err());
    let many = "{{range .l}}".repeat(9) + "0123456789" + &"{{end}}".repeat(9);
    let list = Value::from_json(&json!({ "l": [0, 1, 2] }));
    assert!(Template::parse(&many).unwrap().fill(&list).is_ok(), "the inner ones go over nothing");
    let many = "{{range $.l}}".repeat(20) + &"0123456789".repeat(20) + &"{{end}}".repeat(20);
    let long = Template::parse(&many).unwrap().fill(&list).unwrap_err();
    assert!(long.to_string().contains("longer than"), "{long}");
    let silent = "{{range $.l}}".repeat(20) + &"{{end}}".repeat(20);
    let long = Template::parse(&silent).unwrap().fill(&list).unwrap_err();
    assert!(long.to_string().contains("more than"), "{long}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(words in prop::collection::vec(
        prop::sample::select(vec!["{{", "}}", "-", " ", "if ", "range ", "else", "end", ".a", "$", "$x", ":=", ",", "(", ")",
            "\"", "`", "\\", "index ", "len ", "json ", "eq ", "1", "ü", ".", "/*"]), 0..24)) {
        if let Ok(template) = Template::parse(&words.concat()) {
            let filled = template.fill(&Value::from_json(&json!({ "a": [1, { "a": 2 }] })));
            prop_assert!(filled.is_err() || filled.is_ok_and(|text| text.len() < 10_000));
        }
    }
}
