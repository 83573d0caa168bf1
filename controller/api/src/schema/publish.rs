//! The schemas that editors use.

use serde_json::{Value, json};

use super::generate::schema_of;
use super::limits::limit;
use super::loosen::loosen;

/// The base of the schemas' identifiers. A name, not an address.
const ID: &str = "https://lima-vm.io/limekiln/v1alpha1/";

/// File names below `schemas/` and what they hold: JSON Schema, draft 2020-12.
pub fn json_schemas() -> Vec<(String, Value)> {
    ["instance", "disk", "network", "lima"]
        .into_iter()
        .filter_map(|name| Some((format!("{name}.json"), published(name)?)))
        .collect()
}

fn published(name: &str) -> Option<Value> {
    let mut schema = schema_of(name)?.clone();
    let template = match name {
        "lima" => Some(&mut schema),
        _ => schema.pointer_mut("/properties/spec/properties/template"),
    };
    if let Some(template) = template {
        loosen(template);
        limit(template);
    }
    let fields = schema.as_object_mut()?;
    fields.shift_insert(0, "$id".to_owned(), json!(format!("{ID}{name}.json")));
    Some(schema)
}
