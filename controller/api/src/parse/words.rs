//! What the types say of a value that does not fit, in the words of who wrote it.

use serde_json::Value;

use super::fault::{Fault, Place};
use super::path::FieldPath;
use crate::nearest::nearest;

/// Names of architectures that others use.
const ARCHES: [(&str, &str); 5] = [
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("arm64", "aarch64"),
    ("armhf", "armv7l"),
    ("ppc64el", "ppc64le"),
];

/// What is wrong with the value at a path, from what serde says of it.
pub(super) fn fault(path: FieldPath, message: &str, found: Option<&Value>) -> Fault {
    let (message, hint) = explain(message, found.unwrap_or(&Value::Null));
    Fault { path, message, hint, place: Place::Value, meant: None }
}

fn explain(message: &str, found: &Value) -> (String, Option<String>) {
    if let Some(choices) = choices(message) {
        return not_a_choice(found, &choices);
    }
    let expected = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .or_else(|| message.strip_prefix("invalid length "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    match expected {
        Some((_, expected)) => {
            let expected = wanted(expected);
            let hint = hint(&expected, found);
            (format!("expected {expected}, found {}", described(found)), hint)
        }
        None if message == "invalid IP address syntax" => {
            let hint = "write for example 127.0.0.1 or ::1".to_owned();
            (format!("{} is no IP address", described(found)), Some(hint))
        }
        None => (message.to_owned(), None),
    }
}

/// The names between backquotes of `unknown variant … expected one of …`.
fn choices(message: &str) -> Option<Vec<&str>> {
    let rest = message.strip_prefix("unknown variant `")?;
    // The value itself may hold anything.
    let (_, names) = rest.rsplit_once("`, expected ")?;
    Some(names.split('`').skip(1).step_by(2).collect())
}

fn not_a_choice(found: &Value, choices: &[&str]) -> (String, Option<String>) {
    let list = match choices {
        [one] => format!("`{one}`"),
        _ => format!("one of {}", choices.join(", ")),
    };
    let wrong = found.as_str().unwrap_or_default();
    let same = ARCHES.iter().find(|(other, name)| *other == wrong && choices.contains(name));
    let meant = same.map(|(_, name)| *name).or_else(|| nearest(wrong, choices.iter().copied()));
    let hint = meant.map(|name| format!("did you mean `{name}`?"));
    (format!("expected {list}, found {}", described(found)), hint)
}

/// The names of Rust's types as those of YAML's.
fn wanted(expected: &str) -> String {
    match expected {
        "a map" => "a mapping".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "string or map" => "a text".to_owned(),
        "a scalar" => "a text or a number".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number".to_owned()
        }
        _ if expected.starts_with("struct ") => "a mapping".to_owned(),
        _ => match expected.strip_prefix("an array of length ") {
            Some(length) => format!("a list of {length}"),
            None => expected.to_owned(),
        },
    }
}

fn described(found: &Value) -> String {
    match found {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(items) if items.len() == 1 => "a list of 1".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn hint(expected: &str, found: &Value) -> Option<String> {
    match (expected, found) {
        ("true or false", Value::String(text)) => {
            let truth = match text.to_ascii_lowercase().as_str() {
                "yes" | "y" | "on" | "true" | "1" => true,
                "no" | "n" | "off" | "false" | "0" => false,
                _ => return None,
            };
            Some(format!("write `{truth}`, without quotes"))
        }
        ("true or false", Value::Number(number)) if number.as_u64() == Some(1) => {
            Some("write `true`".to_owned())
        }
        ("true or false", Value::Number(number)) if number.as_u64() == Some(0) => {
            Some("write `false`".to_owned())
        }
        ("a list", Value::Object(_) | Value::String(_) | Value::Number(_)) => {
            Some("write each item on a line of its own, after `- `".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::parse_documents;

    fn shown(yaml: &str) -> (String, String) {
        let parsed = parse_documents(yaml.as_bytes(), Path::new("web.yaml"));
        let [found] = parsed.diagnostics.as_slice() else { panic!("{yaml}: {parsed:?}") };
        (found.message.clone(), found.hint.clone().unwrap_or_default())
    }

    #[test]
    fn values_are_described_in_the_words_of_yaml() {
        const ITEMS: &str = "write each item on a line of its own, after `- `";
        for (yaml, message, hint) in [
            ("mounts: [/a]", "expected a mapping, found \"/a\"", ""),
            ("mounts: {location: /a}", "expected a list, found a mapping", ITEMS),
            ("ssh: 5", "expected a mapping, found the number 5", ""),
            ("plain: yes", "expected true or false, found \"yes\"", "write `true`, without quotes"),
            (
                "plain: Off",
                "expected true or false, found \"Off\"",
                "write `false`, without quotes",
            ),
            ("plain: 1", "expected true or false, found the number 1", "write `true`"),
            ("cpus: many", "expected a whole number, found \"many\"", ""),
            ("user: {uid: x}", "expected a whole number, found \"x\"", ""),
            ("message: [a, b]", "expected a text, found a list of 2", ""),
            ("memory: [1]", "expected a text or a number, found a list of 1", ""),
            ("dns: [here]", "\"here\" is no IP address", "write for example 127.0.0.1 or ::1"),
            (
                "mountType: virtio-fs",
                "expected one of reverse-sshfs, 9p, virtiofs, wsl2, found \"virtio-fs\"",
                "did you mean `virtiofs`?",
            ),
            ("mountType: 9", "expected a text, found the number 9", ""),
            (
                "arch: arm64",
                "expected one of x86_64, aarch64, armv7l, ppc64le, riscv64, s390x, found \"arm64\"",
                "did you mean `aarch64`?",
            ),
            (
                "portForwards: [{guestPortRange: [1]}]",
                "expected a list of 2, found a list of 1",
                "",
            ),
            ("base: {a: b}", "expected a locator, or a list of locators, found a mapping", ""),
            ("base: [5]", "expected a locator, or a mapping with `url`, found the number 5", ""),
            ("probes: [{file: {digest: x}}]", "missing field `url`", ""),
            (
                "additionalDisks: [[]]",
                "expected a disk's name, or a mapping with `name`, found an empty list",
                "",
            ),
        ] {
            assert_eq!(shown(yaml), (message.to_owned(), hint.to_owned()), "{yaml}");
        }
    }

    #[test]
    fn a_hostile_value_does_not_change_the_choices() {
        let (message, _) = shown("os: 'x`, expected `y'");
        assert!(
            message.starts_with("expected one of Linux, Darwin, FreeBSD, Windows"),
            "{message}"
        );
    }
}
