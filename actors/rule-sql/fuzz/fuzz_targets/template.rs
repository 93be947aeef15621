//! Any text is a template or refused, and a template is filled in or says why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use parapet_rule_sql::sink::Template;
use parapet_rule_sql::value::Value;

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse(text) else { return };
    let data = serde_json::json!({
        "a": 1, "b": { "c": "x y" }, "list": [{ "n": 1.5 }, { "n": 2 }], "none": [], "t": "2020-02-03 04:05:06", "n": null,
    });
    for data in [Value::from_json(&data), Value::Null, Value::array(vec![Value::from_json(&data)])] {
        let _ = template.fill(&data);
    }
});
