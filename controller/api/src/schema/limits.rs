//! Rules about single fields, as far as a schema can state them.

use serde_json::{Value, json};

/// A port but 22, or 0 for none; as a number or its digits.
const PORT_DIGITS: &str =
    "^[+]?0*(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})$";
const BYTE: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/// Adds what the rules of [`crate::validate`] say of single fields.
pub(super) fn limit(template: &mut Value) {
    for port in [
        "/ssh/localPort",
        "/portForwards/[]/guestPort",
        "/portForwards/[]/guestPortRange/[]",
        "/portForwards/[]/hostPort",
        "/portForwards/[]/hostPortRange/[]",
    ] {
        set(template, port, "anyOf", ports(!port.ends_with("[]")));
    }
    set(
        template,
        "/cpus",
        "anyOf",
        json!([
            {"type": "integer", "minimum": 0, "maximum": 1024},
            {"type": "string", "pattern": "^[+]?[0-9]{1,4}$"},
            {"type": "null"},
        ]),
    );
    for rule in ["minimum", "maximum"] {
        ["/cpus", "/ssh/localPort", "/portForwards/[]/guestPort", "/portForwards/[]/hostPort"]
            .into_iter()
            .for_each(|field| unset(template, field, rule));
    }
    let address = address();
    for (field, pattern) in [
        ("/portForwards/[]/guestIP", format!("{address}|^$")),
        ("/portForwards/[]/hostIP", format!("{address}|^$")),
        ("/dns/[]", address.clone()),
        ("/probes/[]/script", "^(#!|[{][{])|^$".to_owned()),
        ("/user/shell", "^/|[.][eE][xX][eE]$".to_owned()),
        ("/user/name", "^[A-Za-z0-9_.-]+$".to_owned()),
    ] {
        set(template, field, "pattern", json!(pattern));
    }
    set(template, "/user/shell", "type", json!(["string", "null"]));
    set(template, "/probes/[]/script", "type", json!(["string", "null"]));
    set(template, "/user/uid", "not", json!({"enum": [0, "0"]}));
    set(template, "/user/name", "not", json!({"const": "root"}));
    way(template);
}

/// An interface leads to one place; one that has a name may take that from another entry.
fn way(template: &mut Value) {
    let text = |name: &str| json!({"required": [name], "properties": {name: {"not": {"enum": [null, ""]}}}});
    let (lima, socket) = (text("lima"), text("socket"));
    let nat = json!({"required": ["vzNAT"], "properties": {"vzNAT": {"const": true}}});
    let two = [[&lima, &socket], [&lima, &nat], [&socket, &nat]];
    let two: Vec<_> = two.into_iter().map(|both| json!({"allOf": both})).collect();
    set(template, "/networks/[]", "not", json!({"anyOf": two}));
    let named = json!({"required": ["interface"]});
    set(template, "/networks/[]", "anyOf", json!([lima, socket, nat, named]));
}

fn ports(nullable: bool) -> Value {
    let mut forms = vec![
        json!({"type": "integer", "minimum": 0, "maximum": 65535, "not": {"const": 22}}),
        json!({"type": "string", "pattern": PORT_DIGITS, "not": {"pattern": "^[+]?0*22$"}}),
    ];
    forms.extend(nullable.then(|| json!({"type": "null"})));
    forms.into()
}

/// An IPv4 address, or something with the letters of an IPv6 address.
fn address() -> String {
    format!("^{BYTE}([.]{BYTE}){{3}}$|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$")
}

fn at<'a>(template: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    field.split('/').skip(1).try_fold(template, |schema, step| match step {
        "[]" => schema.get_mut("items"),
        name => schema.get_mut("properties")?.get_mut(name),
    })
}

fn set(template: &mut Value, field: &str, rule: &str, value: Value) {
    if let Some(fields) = at(template, field).and_then(Value::as_object_mut) {
        fields.insert(rule.to_owned(), value);
    }
}

fn unset(template: &mut Value, field: &str, rule: &str) {
    if let Some(fields) = at(template, field).and_then(Value::as_object_mut) {
        fields.shift_remove(rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::schema_of;

    /// A field that is renamed must not lose its limit in silence.
    #[test]
    fn every_limited_field_exists() {
        let source = include_str!("limits.rs");
        let mut template = schema_of("lima").expect("known").clone();
        let fields = source.split('"').filter(|text| text.starts_with('/') && text.len() > 1);
        let mut count = 0;
        for field in fields.filter(|text| text[1..].starts_with(|c: char| c.is_ascii_lowercase())) {
            assert!(at(&mut template, field).is_some(), "{field}");
            count += 1;
        }
        assert!(count > 15, "{count}");
    }
}
