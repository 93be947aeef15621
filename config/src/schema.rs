//! The JSON Schema of each kind of file, generated from the types in `raw`.
//!
//! It is the one source of truth: editors complete by it, the check walks it, the reference is written from it. Besides the
//! standard keywords it has `x-min` and `x-max`, the bounds of a value with a unit.

use std::sync::LazyLock;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::raw::{RawCamera, RawModel, RawRule, RawSite, RawStream, RawTable, RawUploader};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// `site.yaml`.
    Site,
    /// `cameras/*.yaml`.
    Camera,
    /// `models/*.yaml`.
    Model,
    /// `rules/*.yaml`.
    Rule,
    /// `uploaders/*.yaml`.
    Uploader,
    /// `streams/*.yaml`.
    Stream,
    /// `tables/*.yaml`.
    Table,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Site, Self::Camera, Self::Model, Self::Rule, Self::Uploader, Self::Stream, Self::Table];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Camera => "camera",
            Self::Model => "model",
            Self::Rule => "rule",
            Self::Uploader => "uploader",
            Self::Stream => "stream",
            Self::Table => "table",
        }
    }

    /// The folder of its files; the site has none.
    pub fn folder(self) -> Option<&'static str> {
        match self {
            Self::Site => None,
            Self::Camera => Some("cameras"),
            Self::Model => Some("models"),
            Self::Rule => Some("rules"),
            Self::Uploader => Some("uploaders"),
            Self::Stream => Some("streams"),
            Self::Table => Some("tables"),
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The JSON Schema (draft 2020-12) of one kind of file.
pub fn schema(kind: FileKind) -> &'static Value {
    static SCHEMAS: LazyLock<[Value; 7]> = LazyLock::new(|| {
        [
            generate::<RawSite>(),
            generate::<RawCamera>(),
            generate::<RawModel>(),
            generate::<RawRule>(),
            generate::<RawUploader>(),
            generate::<RawStream>(),
            generate::<RawTable>(),
        ]
    });
    let index = match kind {
        FileKind::Site => 0,
        FileKind::Camera => 1,
        FileKind::Model => 2,
        FileKind::Rule => 3,
        FileKind::Uploader => 4,
        FileKind::Stream => 5,
        FileKind::Table => 6,
    };
    &SCHEMAS[index]
}

fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    schema["title"] = json!(format!("Parapet {}", T::schema_name().trim_start_matches("Raw").to_lowercase()));
    schema
}

/// Says "absent" for what Rust calls `None`: no value is null, but a section or list whose lines are all commented out counts
/// as absent.
fn tidy(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type").is_none_or(|t| t != "null"));
        branches.iter_mut().for_each(tidy);
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    // One enum has a null of its own: YAML's bare `null` for the word.
    if let Some(Value::Array(values)) = object.get_mut("enum")
        && !values.contains(&json!("null"))
    {
        values.retain(|value| !value.is_null());
    }
    // Widths of Rust's numbers say nothing to the reader; ranges do.
    if object.get("type").is_some_and(|t| t == "number" || t == "integer") {
        object.remove("format");
    }
    match object.get_mut("default") {
        Some(Value::Null) => drop(object.remove("default")),
        Some(default) => round(default),
        None => {}
    }
    let whole = Value::Object(object.clone());
    if let Some(Value::Array(examples)) = object.get_mut("examples") {
        examples.retain(|example| example.as_str().is_none_or(|text| crate::expected::within(&whole, text)));
    }
    for bound in ["minimum", "maximum", "exclusiveMinimum"] {
        object.get_mut(bound).into_iter().for_each(round);
    }
    for part in ["items", "additionalProperties"] {
        object.get_mut(part).into_iter().for_each(tidy);
    }
    let required: Vec<Value> = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties.iter_mut() {
            tidy(property);
            if !required.contains(&json!(name)) {
                allow_empty(property);
            }
        }
    }
}

fn allow_empty(property: &mut Value) {
    let kind = property.get("type").cloned();
    if let Some(kind) = kind.filter(|kind| kind == "object" || kind == "array") {
        property["type"] = json!([kind, "null"]);
    }
}

/// 0.45 as an `f32` is 0.44999998807907104: say what was meant. Whole numbers lose their fraction.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64() {
                let short = (float * 1e6).round() / 1e6;
                *value = if short.fract() == 0.0 { json!(short as i64) } else { json!(short) };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(entries) => entries.values_mut().for_each(round),
        _ => {}
    }
}

/// The properties of an object's schema.
pub(crate) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// The types that a schema names, in its order.
pub(crate) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The values that a schema allows, when it lists them (`enum`, `const`, or a `oneOf` of them).
pub(crate) fn choices(schema: &Value) -> Vec<&Value> {
    if let Some(Value::Array(values)) = schema.get("enum") {
        return values.iter().collect();
    }
    if let Some(value) = schema.get("const") {
        return vec![value];
    }
    schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().flat_map(choices).collect()
}

/// The branches of a union; each takes values of other types than its siblings.
pub(crate) fn branches(schema: &Value) -> &[Value] {
    schema.get("anyOf").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
