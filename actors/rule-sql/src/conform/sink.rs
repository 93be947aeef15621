//! What is done to emissions before they leave.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Map, Value as Json, json};

use super::{codec, failed, text};
use crate::error::EvalError;
use crate::sink::{Message, Shape, Template};
use crate::value::{Object, Value};

pub(super) fn run(case: &Json) -> Json {
    let Some(input) = case.get("input") else { return failed("there is no input") };
    let result = if text(case, "stage") == "select_fields" { Ok(select(input)) } else { transform(input) };
    result.unwrap_or_else(|e| failed(&e.to_string()))
}

fn names(json: Option<&Json>) -> Vec<String> {
    json.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn shape(props: &Json) -> Result<Shape, EvalError> {
    let flag = |keys: [&str; 2]| keys.iter().find_map(|k| props.get(*k)).and_then(Json::as_bool).unwrap_or(false);
    let filled = |key: &str| props.get(key).and_then(Json::as_str).filter(|s| !s.is_empty());
    Ok(Shape {
        data_field: filled("dataField").map(str::to_owned),
        fields: names(props.get("fields")),
        exclude: names(props.get("exclude").or_else(|| props.get("excludeFields"))),
        send_single: flag(["sendSingle", "sendSingle"]),
        omit_if_empty: flag(["omitempty", "omitIfEmpty"]),
        template: filled("dataTemplate").map(Template::parse).transpose()?,
    })
}

fn select(input: &Json) -> Json {
    match shape(input) {
        Ok(shape) => {
            json!({ "value": codec::encode(&shape.select(&codec::value(input.get("input").unwrap_or(&Json::Null)))) })
        }
        Err(e) => failed(&e.to_string()),
    }
}

fn transform(input: &Json) -> Result<Json, EvalError> {
    let empty = json!({});
    let props = input.get("sink_props").unwrap_or(&empty);
    let shape = shape(props)?;
    // Properties with places in them are filled in for each message.
    let mut dynamic = Vec::new();
    for (key, value) in props.as_object().into_iter().flatten() {
        if let Some(text) = value.as_str().filter(|t| key != "dataTemplate" && t.contains("{{")) {
            dynamic.push((text.to_owned(), Template::parse(text)?));
        }
    }
    let mut out = Vec::new();
    for payload in input.get("payloads").and_then(Json::as_array).into_iter().flatten() {
        let value = payload.get("value").unwrap_or(payload);
        let rows: Vec<Arc<Object>> = match value.get("$window").and_then(Json::as_array) {
            Some(rows) => rows.iter().map(|r| codec::object(r.get("$row").unwrap_or(r).get("data"))).collect(),
            None => vec![codec::object(value.get("$row").unwrap_or(value).get("data"))],
        };
        for (data, message) in shape.apply(&rows) {
            out.push(sent(&data, message, &dynamic, shape.send_single));
        }
    }
    Ok(json!({ "payloads": out }))
}

fn sent(data: &Value, message: Result<Message, EvalError>, dynamic: &[(String, Template)], single: bool) -> Json {
    let mut props = Map::new();
    for (text, template) in dynamic {
        match template.fill(data) {
            Ok(filled) => props.insert(text.clone(), Json::String(filled)),
            Err(e) => return failed(&e.to_string()),
        };
    }
    let mut value = match message {
        Err(e) => return failed(&e.to_string()),
        Ok(Message::Text(text)) => {
            json!({ "$raw": { "$bytes_b64": base64::engine::general_purpose::STANDARD.encode(text) } })
        }
        Ok(Message::Value(Value::Array(items))) if !single => {
            json!({ "$list": items.iter().map(codec::encode).collect::<Vec<_>>() })
        }
        Ok(Message::Value(object @ Value::Object(_))) => {
            json!({ "$row": { "stream": "", "data": codec::encode(&object), "ts": { "$time_ms": 0 } } })
        }
        Ok(Message::Value(other)) => codec::encode(&other),
    };
    if let (false, Some(map)) = (props.is_empty(), value.as_object_mut()) {
        map.insert("props".into(), Json::Object(props));
    }
    json!({ "value": value })
}
