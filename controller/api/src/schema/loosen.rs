//! Scalars as loose as they are read.
//!
//! See [`crate::lima`]: a number or a truth value where a text is wanted, digits in quotes where a
//! number is, an empty text for a choice that is not made.

use serde_json::{Map, Value, json};

use crate::Name;

/// Keys that describe a schema, and do not say what it accepts.
const ABOUT: [&str; 6] =
    ["description", "default", "x-limekiln-default", "deprecated", "examples", "title"];
/// Choices that Lima takes the empty text for, but not for these.
const STRICT_CHOICES: [&str; 3] = ["mountType", "mountTypesUnsupported", "diskImageFormat"];
/// Texts that only a text can be.
const STRICT_TEXTS: [&str; 4] = ["base", "file", "url", "dns"];

/// Makes the schema of a template accept every form in which its scalars are read.
pub(super) fn loosen(template: &mut Value) {
    walk("", template);
}

fn walk(name: &str, schema: &mut Value) {
    if STRICT_TEXTS.contains(&name) {
        return;
    }
    let Some(fields) = schema.as_object_mut() else { return };
    if is_size(fields) {
        return replace(fields, size(nullable(fields)));
    }
    if is_choice(fields) {
        if !STRICT_CHOICES.contains(&name) {
            or_empty(fields);
        }
        return;
    }
    match types(fields).as_slice() {
        [kind, rest @ ..] if kind == "string" && only_null(rest) => text(fields),
        [kind, rest @ ..] if kind == "integer" && only_null(rest) => {
            replace(fields, number(fields, !rest.is_empty()));
        }
        _ => below(name, fields),
    }
}

fn below(name: &str, fields: &mut Map<String, Value>) {
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.iter_mut().for_each(|(name, schema)| walk(name, schema));
    }
    if let Some(values @ Value::Object(_)) = fields.get_mut("additionalProperties") {
        *values = json!({"type": ["string", "number", "boolean", "null"]});
    }
    if let Some(items) = fields.get_mut("items") {
        walk(name, items);
    }
    if let Some(Value::Array(forms)) = fields.get_mut("anyOf") {
        forms.iter_mut().for_each(|form| walk(name, form));
    }
}

fn types(fields: &Map<String, Value>) -> Vec<String> {
    match fields.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            several.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn only_null(rest: &[String]) -> bool {
    matches!(rest, []) || rest == ["null"]
}

/// A number would not fit a pattern, except that of names.
fn text(fields: &mut Map<String, Value>) {
    let mut kinds = types(fields);
    let pattern = fields.get("pattern").and_then(Value::as_str);
    if pattern.is_none_or(|pattern| pattern == Name::PATTERN) {
        kinds.splice(1..1, ["number".to_owned(), "boolean".to_owned()]).for_each(drop);
    }
    // The API server's word for it is the rule about IP addresses.
    if fields.get("format").is_none() {
        fields.insert("type".to_owned(), kinds.into());
    }
}

/// Whether it is a choice of words, perhaps beside `null`.
fn is_choice(fields: &Map<String, Value>) -> bool {
    fields.contains_key("oneOf") || choices(fields).is_some()
}

fn choices(fields: &Map<String, Value>) -> Option<&Vec<Value>> {
    let forms = fields.get("anyOf")?.as_array()?;
    let words = forms.iter().find(|form| form.get("oneOf").is_some());
    words.and_then(|form| form.get("oneOf")?.as_array())
}

fn or_empty(fields: &mut Map<String, Value>) {
    let empty = json!({"const": "", "description": "As if not set."});
    let known = choices(fields).is_some_and(|choices| {
        choices.iter().any(|choice| {
            choice
                .get("enum")
                .and_then(Value::as_array)
                .is_some_and(|some| some.contains(&json!("")))
        })
    });
    if let (false, Some(Value::Array(forms))) = (known, fields.get_mut("anyOf")) {
        forms.push(empty);
    }
}

fn is_size(fields: &Map<String, Value>) -> bool {
    let examples = |schema: &Map<String, Value>| {
        schema.contains_key("x-kubernetes-int-or-string") && schema.contains_key("examples")
    };
    let forms = fields.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    examples(fields) || forms.filter_map(Value::as_object).any(examples)
}

fn nullable(fields: &Map<String, Value>) -> bool {
    let forms = fields.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    forms.into_iter().any(|form| form.get("type") == Some(&json!("null")))
}

fn size(nullable: bool) -> Value {
    const SIZE: &str = "^([0-9]+[.]?[0-9]*|[.][0-9]+) ?([bB]|[kKmMgGtTpP]([iI]?[bB])?)?$|^$";
    let mut forms =
        vec![json!({"type": "string", "pattern": SIZE}), json!({"type": "number", "minimum": 0})];
    forms.extend(nullable.then(|| json!({"type": "null"})));
    json!({"anyOf": forms, "examples": ["4GiB"]})
}

/// A whole number, or its digits in quotes.
fn number(fields: &Map<String, Value>, nullable: bool) -> Value {
    let minimum = fields.get("minimum").cloned().unwrap_or(Value::Null);
    let mut forms = vec![
        json!({"type": "integer", "minimum": minimum, "maximum": u32::MAX}),
        json!({"type": "string", "pattern": "^[+]?[0-9]{1,10}$"}),
    ];
    forms.extend(nullable.then(|| json!({"type": "null"})));
    json!({"anyOf": forms})
}

/// Puts other rules in the place of a schema's, and leaves what describes it.
fn replace(fields: &mut Map<String, Value>, rules: Value) {
    fields.retain(|key, _| ABOUT.contains(&key.as_str()));
    if let Value::Object(rules) = rules {
        for (key, value) in rules {
            fields.entry(key).or_insert(value);
        }
    }
}
