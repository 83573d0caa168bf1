//! CustomResourceDefinitions.
//!
//! Kubernetes wants structural schemas: one type per node, no references, no choices between
//! types. What is looser in our schemas becomes `x-kubernetes-int-or-string` or is preserved
//! unchecked. Made from our own schemas rather than by kube's derive, which would bring all of
//! k8s-openapi into every build.

use serde_json::{Map, Value, json};

use crate::schema::{constants, schema_of, without_null};
use crate::{Kind, to_yaml};

const GROUP: &str = "lima-vm.io";
const VERSION: &str = "v1alpha1";

/// File names below `crds/` and what they hold: `apiextensions.k8s.io/v1` YAML.
pub fn crds() -> Vec<(String, String)> {
    Kind::ALL
        .into_iter()
        .map(|kind| (format!("{}.yaml", kind.plural()), to_yaml(&crd(kind))))
        .collect()
}

fn crd(kind: Kind) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{GROUP}", kind.plural())},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.camel(),
                "listKind": format!("{}List", kind.camel()),
                "plural": kind.plural(),
                "singular": kind.singular(),
                "shortNames": kind.short(),
                "categories": ["limekiln"],
            },
            "scope": "Namespaced",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(kind),
                "schema": {"openAPIV3Schema": open_api(kind)},
            }],
        },
    })
}

fn columns(kind: Kind) -> Vec<Value> {
    let ready = ("Ready", "string", r#".status.conditions[?(@.type=="Ready")].status"#);
    let age = ("Age", "date", ".metadata.creationTimestamp");
    let own: &[(&str, &str, &str)] = match kind {
        Kind::Instance => &[
            ("Phase", "string", ".status.phase"),
            ready,
            ("CPUs", "string", ".spec.template.cpus"),
            ("Memory", "string", ".spec.template.memory"),
            ("SSH", "integer", ".status.sshLocalPort"),
            age,
        ],
        Kind::Disk => {
            &[("Size", "string", ".spec.size"), ("Format", "string", ".spec.format"), ready, age]
        }
        Kind::Network => {
            &[("Mode", "string", ".spec.mode"), ("Gateway", "string", ".spec.gateway"), ready, age]
        }
    };
    own.iter()
        .map(|(name, kind, path)| json!({"name": name, "type": kind, "jsonPath": path}))
        .collect()
}

/// The schema of a kind in the form that Kubernetes accepts.
fn open_api(kind: Kind) -> Value {
    let mut schema = structural(schema_of(kind.singular()).unwrap_or(&Value::Null));
    // The API server checks metadata itself and allows no rules for it here.
    schema["properties"]["metadata"] = json!({"type": "object"});
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    if let Some(template) = schema.pointer_mut("/properties/spec/properties/template") {
        without_defaults(template);
    }
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|field| field == "spec");
    }
    schema
}

/// The API server would write defaults into the object, and what is set there has precedence over
/// the host's `default.yaml`.
fn without_defaults(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    fields.shift_remove("default");
    for inner in ["items", "additionalProperties"] {
        fields.get_mut(inner).into_iter().for_each(without_defaults);
    }
    let properties = fields.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(|map| map.values_mut()).for_each(without_defaults);
}

fn structural(schema: &Value) -> Value {
    let (plain, nullable) = without_null(schema);
    let mut out = Map::new();
    if let Some(text) = plain.get("description") {
        out.insert("description".to_owned(), text.clone());
    }
    if nullable {
        out.insert("nullable".to_owned(), true.into());
    }
    if plain.get("x-kubernetes-int-or-string").is_some() {
        out.insert("x-kubernetes-int-or-string".to_owned(), true.into());
    } else if let Some(values) = constants(&plain) {
        out.insert("type".to_owned(), "string".into());
        out.insert("enum".to_owned(), values.into());
    } else if let Some(kind) = plain.get("type").and_then(Value::as_str) {
        out.insert("type".to_owned(), kind.into());
        copy_rules(&plain, &mut out);
        children(&plain, &mut out);
    } else {
        out.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
    }
    Value::Object(out)
}

/// Rules that mean the same in OpenAPI 3.
fn copy_rules(from: &Value, to: &mut Map<String, Value>) {
    const RULES: [&str; 9] = [
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "required",
        "default",
    ];
    for rule in RULES {
        if let Some(value) = from.get(rule) {
            to.insert(rule.to_owned(), value.clone());
        }
    }
    // Ranges of Rust's integers go beyond what OpenAPI's formats express; only known ones stay.
    if let Some(format) = from.get("format").filter(|format| {
        ["int32", "int64", "date-time"].contains(&format.as_str().unwrap_or_default())
    }) {
        to.insert("format".to_owned(), format.clone());
    }
}

fn children(from: &Value, to: &mut Map<String, Value>) {
    if let Some(Value::Object(properties)) = from.get("properties") {
        let each = properties.iter().map(|(name, schema)| (name.clone(), structural(schema)));
        to.insert("properties".to_owned(), Value::Object(each.collect()));
        if from.get("additionalProperties") == Some(&Value::Bool(true)) {
            to.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
        }
    } else if let Some(values @ Value::Object(_)) = from.get("additionalProperties") {
        to.insert("additionalProperties".to_owned(), structural(values));
    } else if from.get("additionalProperties") == Some(&Value::Bool(true)) {
        to.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
    }
    let items =
        from.get("items").or_else(|| from.get("prefixItems").and_then(|items| items.get(0)));
    if let Some(items) = items {
        to.insert("items".to_owned(), structural(items));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of Kubernetes' structural schemas, as its documentation states them.
    fn check(path: &str, schema: &Value) {
        let field = |name: &str| schema.get(name);
        let free = field("x-kubernetes-int-or-string").is_some()
            || field("x-kubernetes-preserve-unknown-fields").is_some();
        assert!(free || field("type").is_some_and(Value::is_string), "{path}: no type in {schema}");
        for banned in [
            "$ref",
            "anyOf",
            "oneOf",
            "allOf",
            "not",
            "$defs",
            "const",
            "definitions",
            "patternProperties",
        ] {
            assert!(field(banned).is_none(), "{path}: {banned}");
        }
        assert!(
            field("properties").is_none() || field("additionalProperties").is_none(),
            "{path}: both kinds of properties"
        );
        if field("type") == Some(&"array".into()) {
            check(
                &format!("{path}[]"),
                field("items").unwrap_or_else(|| panic!("{path}: no items")),
            );
        }
        for (name, inner) in field("properties").and_then(Value::as_object).into_iter().flatten() {
            check(&format!("{path}.{name}"), inner);
        }
        if let Some(inner) = field("additionalProperties") {
            check(&format!("{path}.*"), inner);
        }
    }

    #[test]
    fn schemas_are_structural() {
        for kind in Kind::ALL {
            check(kind.camel(), &open_api(kind));
        }
    }

    #[test]
    fn templates_have_no_defaults() {
        let schema = open_api(Kind::Instance);
        let spec = &schema["properties"]["spec"]["properties"];
        assert!(!spec["template"].to_string().contains("\"default\":"), "{}", spec["template"]);
        let of_drivers = &spec["template"]["properties"]["vmOpts"];
        assert_eq!(of_drivers["x-kubernetes-preserve-unknown-fields"], true);
    }

    #[test]
    fn definitions_carry_what_kubectl_shows() {
        for kind in Kind::ALL {
            let crd = crd(kind);
            let version = &crd["spec"]["versions"][0];
            assert_eq!(version["subresources"]["status"], json!({}), "{kind}");
            assert!(
                version["additionalPrinterColumns"]
                    .as_array()
                    .is_some_and(|columns| columns.len() >= 4),
                "{kind}"
            );
            assert!(
                crd["spec"]["names"]["shortNames"]
                    .as_array()
                    .is_some_and(|names| !names.is_empty()),
                "{kind}"
            );
        }
    }
}
