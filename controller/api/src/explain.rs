//! What a field means, from the schemas.

use serde_json::Value;

use crate::nearest::nearest;
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
    /// Its default, when it is always the same.
    pub default: Option<Value>,
    /// Its default in words, when it depends on the host or on other fields.
    pub default_in_words: Option<String>,
    /// Whether something else has taken its place; the description names it.
    pub deprecated: bool,
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
    let children = properties(&schema)
        .into_iter()
        .map(|(name, child)| (name, type_of(&child), first_sentence(&description(&child))));
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
        default_in_words: text(&schema, "x-limekiln-default"),
        deprecated: schema.get("deprecated") == Some(&Value::Bool(true)),
        values: values(&item(&schema)),
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

/// The path that was probably meant by one that leads nowhere.
pub fn propose(path: &str) -> Option<String> {
    const ROOTS: [&str; 4] = ["instance", "disk", "network", "lima"];
    let (root, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut meant = match lookup(root) {
        Some(_) => root.to_owned(),
        None => nearest(root, ROOTS.into_iter())?.to_owned(),
    };
    for part in rest.split('.').filter(|part| !part.is_empty()) {
        let name = part.split('[').next().unwrap_or(part);
        let next = format!("{meant}.{name}");
        meant = if lookup(&next).is_some() {
            next
        } else {
            let known = lookup(&meant)?.children;
            let name = nearest(name, known.iter().map(|(name, ..)| name.as_str()))?;
            format!("{meant}.{name}")
        };
    }
    Some(meant)
}

fn text(schema: &Value, key: &str) -> Option<String> {
    schema.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The values that it can have; not the empty text, which only stands for nothing.
fn values(schema: &Value) -> Vec<String> {
    let all = constants(schema).unwrap_or_default();
    all.iter().map(plain).filter(|value| !value.is_empty()).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn description(schema: &Value) -> String {
    text(schema, "description").unwrap_or_default()
}

fn first_sentence(text: &str) -> String {
    let paragraph = text.lines().next().unwrap_or_default();
    let ends = [". ", "; "].iter().filter_map(|end| paragraph.find(end)).min();
    match ends {
        Some(end) => format!("{}.", &paragraph[..end]),
        None => paragraph.to_owned(),
    }
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
    if constants(&schema).is_some() {
        return values(&schema).join(" | ");
    }
    if let Some(kind) = loose_type(&schema) {
        return kind.to_owned();
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

/// What is meant where looser forms are read as well: digits in quotes, bytes as a number, a
/// number for a text.
fn loose_type(schema: &Value) -> Option<&'static str> {
    let forms = schema.get("anyOf").and_then(Value::as_array);
    let has = |kind: &str| forms.is_some_and(|forms| forms.iter().any(|form| form["type"] == kind));
    let scalar = schema.get("type").and_then(Value::as_array);
    if schema.get("x-kubernetes-int-or-string").is_some() && has("integer") {
        let is_size = schema.get("examples").is_some();
        return Some(if is_size { "size" } else { "integer" });
    }
    scalar.is_some_and(|kinds| kinds.contains(&"string".into())).then_some("string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_types_are_named_by_what_is_meant() {
        let kind = |path: &str| lookup(path).expect("known").type_;
        assert_eq!(kind("lima.memory"), "size");
        assert_eq!(kind("lima.env"), "mapping to string");
        assert_eq!(kind("lima.portForwards.guestPortRange"), "list of integer");
        assert_eq!(kind("lima.mounts.9p.cache"), "string");
        assert!(kind("lima.arch").starts_with("x86_64 | aarch64"));
    }

    #[test]
    fn defaults_are_stated_or_described() {
        let field = |path: &str| lookup(path).expect("known");
        assert_eq!(field("lima.plain").default, Some(false.into()));
        assert_eq!(field("instance.spec.template.mounts.9p.msize").default, Some("128KiB".into()));
        let cache = field("instance.spec.template.mounts.9p.cache");
        assert_eq!(cache.default, None);
        assert!(cache.default_in_words.is_some_and(|words| words.contains("mmap")));
        assert!(field("lima.cpuType").deprecated && !field("lima.cpus").deprecated);
        assert!(field("lima.vmOpts.qemu").children.iter().any(|(name, ..)| name == "cpuType"));
    }

    #[test]
    fn fields_are_found() {
        let cpus = lookup("instance.spec.template.cpus").expect("known");
        assert_eq!(cpus.type_, "integer");
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
    fn what_was_meant_is_proposed() {
        for (path, meant) in [
            (
                "instance.spec.template.mounts.9p.cach",
                Some("instance.spec.template.mounts.9p.cache"),
            ),
            ("instance.sepc.tmplate.cpu", Some("instance.spec.template.cpus")),
            ("lmia.mounts[0].lcation", Some("lima.mounts.location")),
            ("instance.spec.zzzzzz", None),
            ("pod", None),
        ] {
            assert_eq!(propose(path).as_deref(), meant, "{path}");
        }
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
