//! Fields that an engine cannot honour.

use serde_json::Value;

use crate::{FieldError, Lima, to_yaml};

/// One error for each field of `template` that is set and that `table` lists.
///
/// An entry is a path below the template and the reason. List positions are left out:
/// `provision.mode` is every step's mode. A path alone means "set to anything that has an effect"
/// (not `null`, `false`, `0`, empty or `none`); `path=a|b` means one of these values, and
/// `path!=a|b` any other.
pub fn unsupported(template: &Lima, table: &[(&str, &str)]) -> Vec<FieldError> {
    let Ok(value) = serde_json::to_value(template) else { return Vec::new() };
    let mut errors = Vec::new();
    for (pattern, reason) in table {
        let rule = Rule::parse(pattern);
        walk(&value, &rule.path, "", &mut |path, found| {
            if rule.concerns(found) {
                errors.push(
                    FieldError::new(
                        format!("spec.template.{path}"),
                        format!("`{}` is not supported yet: {reason}", rule.name()),
                    )
                    .hint("remove the field, or run the instance with an engine that has it"),
                );
            }
        });
    }
    errors
}

struct Rule<'a> {
    path: Vec<&'a str>,
    test: Test<'a>,
}

enum Test<'a> {
    Set,
    OneOf(Vec<&'a str>),
    NoneOf(Vec<&'a str>),
}

impl<'a> Rule<'a> {
    fn parse(pattern: &'a str) -> Self {
        let (path, test) = match (pattern.split_once("!="), pattern.split_once('=')) {
            (Some((path, values)), _) => (path, Test::NoneOf(values.split('|').collect())),
            (None, Some((path, values))) => (path, Test::OneOf(values.split('|').collect())),
            (None, None) => (pattern, Test::Set),
        };
        Self { path: path.split('.').collect(), test }
    }

    fn name(&self) -> String {
        let path = self.path.join(".");
        match &self.test {
            Test::OneOf(values) if values.len() == 1 => format!("{path}: {}", values[0]),
            _ => path,
        }
    }

    fn concerns(&self, found: &Value) -> bool {
        let is = |values: &[&str]| values.contains(&plain(found).as_str());
        match &self.test {
            Test::Set => has_effect(found),
            Test::OneOf(values) => is(values),
            Test::NoneOf(values) => !found.is_null() && !is(values),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| to_yaml(value).trim_end().to_owned(), str::to_owned)
}

fn has_effect(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty() && text != "none",
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(has_effect),
    }
}

fn walk(value: &Value, path: &[&str], at: &str, found: &mut impl FnMut(&str, &Value)) {
    if let (Value::Array(items), true) = (value, !path.is_empty()) {
        for (index, item) in items.iter().enumerate() {
            walk(item, path, &format!("{at}[{index}]"), found);
        }
        return;
    }
    let Some((first, rest)) = path.split_first() else { return found(at, value) };
    if let Some(inner) = value.get(first) {
        let at = if at.is_empty() { (*first).to_owned() } else { format!("{at}.{first}") };
        walk(inner, rest, &at, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_lima;

    const TABLE: &[(&str, &str)] = &[
        ("mounts", "no mounts"),
        ("vmType!=qemu", "only QEMU"),
        ("provision.mode=yq|ansible", "no"),
        ("containerd", "no"),
        ("firmware.images", "no"),
    ];

    fn paths(yaml: &str) -> Vec<String> {
        unsupported(&read_lima(yaml).expect("yaml"), TABLE)
            .into_iter()
            .map(|error| error.path)
            .collect()
    }

    #[test]
    fn what_has_an_effect_is_named() {
        assert_eq!(paths("mounts: [{location: /a}]"), ["spec.template.mounts"]);
        assert_eq!(paths("vmType: vz"), ["spec.template.vmType"]);
        assert_eq!(
            paths("provision: [{script: a}, {mode: yq, path: /a}]"),
            ["spec.template.provision[1].mode"]
        );
        assert_eq!(paths("firmware: {images: [{location: a}]}"), ["spec.template.firmware.images"]);
    }

    #[test]
    fn what_has_none_is_fine() {
        assert!(paths("mounts: []\nvmType: qemu\ncontainerd: {system: false, user: false}\nprovision: [{mode: system, script: a}]\nfirmware: {legacyBIOS: true}").is_empty());
    }
}
