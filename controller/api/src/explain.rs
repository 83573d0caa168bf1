//! What a field means, from the schemas.

use serde_json::Value;

use crate::schema::{constants, schema_of, without_null};

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Its full path: `instance.spec.template.cpus`.
    pub path: String,
    /// Its type in words: `string`, `list of mapping`.
    pub type_: String,
    /// What it means.
    pub description: String,
    /// Its default, when the schema states one.
    pub default: Option<Value>,
    /// The values that it can have, when they are few.
    pub values: Vec<String>,
    /// The fields below it: name, type, first sentence.
    pub children: Vec<(String, String, String)>,
}

/// Looks a path up: a kind or `lima`, then fields joined by dots. List positions are left out or
/// written `[]`.
pub fn lookup(path: &str) -> Option<Explained> {
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    let root =
        root.parse::<crate::Kind>().map_or(root.to_lowercase(), |kind| kind.singular().to_owned());
    let schema = find(schema_of(&root)?, rest)?;
    let children = properties(&schema).into_iter().map(|(name, child)| {
        let summary = description(&child);
        (name, type_of(&child), summary.lines().next().unwrap_or_default().to_owned())
    });
    let rest: Vec<_> = rest
        .split('.')
        .map(|part| part.split('[').next().unwrap_or(part))
        .filter(|part| !part.is_empty())
        .collect();
    Some(Explained {
        path: [vec![root.as_str()], rest].concat().join("."),
        type_: type_of(&schema),
        description: description(&schema),
        default: schema.get("default").cloned(),
        values: constants(&item(&schema)).unwrap_or_default().iter().map(plain).collect(),
        children: children.collect(),
    })
}

/// The names of the fields at a path of a manifest (`spec.template`); empty if there are none.
pub fn fields(root: &str, path: &str) -> Vec<String> {
    let found = schema_of(root).and_then(|schema| find(schema, path));
    found
        .map(|schema| properties(&schema).into_iter().map(|(name, _)| name).collect())
        .unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn find(schema: &Value, path: &str) -> Option<Value> {
    let mut schema = without_null(schema).0;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let name = part.split('[').next().unwrap_or(part);
        schema = if name.is_empty() { item(&schema) } else { child(&schema, name)? };
    }
    Some(schema)
}

fn child(schema: &Value, name: &str) -> Option<Value> {
    let named =
        properties(schema).into_iter().find(|(known, _)| known == name).map(|(_, child)| child);
    named.or_else(|| {
        // Any key of a free mapping, such as `env`.
        let values = schema.get("additionalProperties").filter(|values| values.is_object())?;
        Some(without_null(values).0)
    })
}

/// The mapping inside lists and choices.
fn item(schema: &Value) -> Value {
    let mut schema = without_null(schema).0;
    while let Some(items) = schema.get("items") {
        schema = without_null(items).0;
    }
    let mapping = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|choices| choices.iter().find(|choice| choice.get("properties").is_some()));
    mapping.cloned().unwrap_or(schema)
}

fn properties(schema: &Value) -> Vec<(String, Value)> {
    let item = item(schema);
    let properties = item.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), without_null(schema).0))
        .collect()
}

fn type_of(schema: &Value) -> String {
    let schema = without_null(schema).0;
    if let Some(values) = constants(&schema) {
        return values.iter().map(plain).collect::<Vec<_>>().join(" | ");
    }
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "array" => {
            format!("list of {}", schema.get("items").map_or_else(|| "values".to_owned(), type_of))
        }
        Some(Value::String(kind)) if kind == "object" && schema.get("properties").is_none() => {
            let values = schema.get("additionalProperties").filter(|values| values.is_object());
            values.map_or_else(
                || "mapping".to_owned(),
                |values| format!("mapping to {}", type_of(values)),
            )
        }
        Some(Value::String(kind)) if kind == "object" => "mapping".to_owned(),
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().map(plain).collect::<Vec<_>>().join(" or "),
        _ => match schema.get("anyOf") {
            Some(Value::Array(choices)) => {
                choices.iter().map(type_of).collect::<Vec<_>>().join(" or ")
            }
            _ => "any value".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let cpus = lookup("instance.spec.template.cpus").expect("known");
        assert_eq!(cpus.type_, "integer or string");
        assert!(cpus.description.starts_with("Virtual processors"));
        let image = lookup("Instance.spec.template.images[].kernel").expect("known");
        assert_eq!(image.path, "instance.spec.template.images.kernel");
        assert!(image.children.iter().any(|(name, ..)| name == "cmdline"));
        assert_eq!(
            lookup("vm.spec.runStrategy").expect("known").values,
            ["Always", "Manual", "Halted"]
        );
        assert!(
            lookup("lima.additionalDisks")
                .expect("known")
                .children
                .iter()
                .any(|(name, ..)| name == "fsType")
        );
        assert_eq!(lookup("instance.spec.nope"), None);
        assert_eq!(lookup("pod"), None);
    }

    #[test]
    fn every_field_is_described() {
        fn walk(path: &str) {
            let explained = lookup(path).unwrap_or_else(|| panic!("{path}"));
            for (name, _, summary) in explained.children {
                let inner = format!("{path}.{name}");
                assert!(
                    !summary.is_empty()
                        || ["apiVersion", "kind", "status"].contains(&name.as_str()),
                    "{inner} has no description"
                );
                walk(&inner);
            }
        }
        ["instance", "disk", "network", "lima"].into_iter().for_each(walk);
    }
}
