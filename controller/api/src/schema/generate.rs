//! Schemas of the types.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::{API_VERSION, Disk, Instance, Kind, Lima, Network, Status};

/// The schemas by the names that `explain` and diagnostics use: a kind's, or `lima`.
pub(crate) fn schema_of(name: &str) -> Option<&'static Value> {
    static SCHEMAS: LazyLock<Vec<(&'static str, Value)>> = LazyLock::new(|| {
        vec![
            ("instance", manifest::<Instance>(Kind::Instance)),
            ("disk", manifest::<Disk>(Kind::Disk)),
            ("network", manifest::<Network>(Kind::Network)),
            ("lima", generate::<Lima>()),
        ]
    });
    SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, schema)| schema)
}

/// The schema of a type, without references and without room for unknown keys.
pub(crate) fn generate<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(close as fn(&mut Schema)).transform(&mut schema);
    RecursiveTransform(join_lines as fn(&mut Schema)).transform(&mut schema);
    schema.to_value()
}

/// Descriptions are comments in the source, where lines end for the reader of the source.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs: Vec<_> = text.split("\n\n").map(|part| part.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

fn close(schema: &mut Schema) {
    let open = schema.get("additionalProperties").is_none();
    if open && schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// The schema of a manifest: what the type holds, framed by `apiVersion` and `kind`.
fn manifest<T: JsonSchema>(kind: Kind) -> Value {
    let mut schema = generate::<T>();
    let frame = Map::from_iter([
        ("apiVersion".to_owned(), json!({"const": API_VERSION})),
        ("kind".to_owned(), json!({"const": kind.camel()})),
    ]);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let own = std::mem::replace(properties, frame);
        properties.extend(own);
        properties.insert("status".to_owned(), generate::<Status>());
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.splice(0..0, ["apiVersion".into(), "kind".into()]);
    }
    schema
}

/// A schema that may allow `null` or be a choice of named values, as one plain schema: what
/// remains without `null`, and whether `null` is allowed.
pub(crate) fn without_null(schema: &Value) -> (Value, bool) {
    let mut plain = schema.clone();
    let Some(fields) = plain.as_object_mut() else { return (plain, false) };
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        let before = types.len();
        types.retain(|kind| kind != "null");
        let nullable = types.len() < before;
        if let [one] = types.as_slice() {
            let one = one.clone();
            fields.insert("type".to_owned(), one);
        }
        return (plain, nullable);
    }
    let Some(Value::Array(choices)) = fields.get("anyOf") else { return (plain, false) };
    let rest: Vec<_> = choices
        .iter()
        .filter(|choice| choice.get("type") != Some(&"null".into()))
        .cloned()
        .collect();
    let nullable = rest.len() < choices.len();
    match (nullable, rest.as_slice()) {
        (true, [Value::Object(one)]) => {
            fields.shift_remove("anyOf");
            let described = fields.contains_key("description");
            let merged = one.iter().filter(|(key, _)| !(described && *key == "description"));
            fields.extend(merged.map(|(key, value)| (key.clone(), value.clone())));
        }
        (true, _) => {
            fields.insert("anyOf".to_owned(), Value::Array(rest));
        }
        _ => {}
    }
    (plain, nullable)
}

/// The values of a choice of constants.
pub(crate) fn constants(schema: &Value) -> Option<Vec<Value>> {
    let all: Option<Vec<Value>> = match schema.get("oneOf") {
        Some(Value::Array(choices)) => {
            choices.iter().map(values).collect::<Option<Vec<_>>>().map(|nested| nested.concat())
        }
        _ => values(schema),
    };
    all.filter(|values| !values.is_empty())
}

fn values(choice: &Value) -> Option<Vec<Value>> {
    match (choice.get("const"), choice.get("enum")) {
        (Some(one), _) => Some(vec![one.clone()]),
        (None, Some(Value::Array(several))) => Some(several.clone()),
        _ => None,
    }
}
