//! What a scalar means.

use std::borrow::Cow;

use granit_parser::{ScalarStyle, Tag};
use serde_json::Value;

use super::error::YamlError;
use crate::parse::bounds::{options, yaml_message};
use crate::parse::tree::Position;

/// The value of a scalar.
pub(super) fn value(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Value, YamlError> {
    match tag {
        Some(tag) => tagged(&text, style, tag, at),
        None if style == ScalarStyle::Plain => plain(text, at),
        None => Ok(Value::String(text.into_owned())),
    }
}

/// The core schema of YAML 1.2, with octal numbers as Lima reads them. What is common is decided
/// here; all that looks like a number in another way is left to the library.
fn plain(text: Cow<'_, str>, at: Position) -> Result<Value, YamlError> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Value::Null),
        "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
        plain => match plain.as_bytes() {
            [b'0'] => Ok(0.into()),
            [b'1'..=b'9', rest @ ..] if rest.len() < 18 && rest.iter().all(u8::is_ascii_digit) => {
                plain.parse::<u64>().map(Value::from).or_else(|_| resolve(plain, at))
            }
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => resolve(plain, at),
            _ => Ok(Value::String(text.into_owned())),
        },
    }
}

fn tagged(text: &str, style: ScalarStyle, tag: &Tag, at: Position) -> Result<Value, YamlError> {
    match kind(tag).as_deref() {
        Some("str") => Ok(Value::String(text.to_owned())),
        Some(name @ ("null" | "bool" | "int" | "float" | "binary" | "seq" | "map")) => {
            resolve(&format!("!!{name} {}", Value::from(text)), at)
        }
        _ if style == ScalarStyle::Plain && !is_non_specific(tag) => plain(Cow::Borrowed(text), at),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The name of a tag that YAML itself has, such as `int` of `!!int`.
pub(super) fn kind(tag: &Tag) -> Option<Cow<'_, str>> {
    tag.suffix_in_namespace("tag:yaml.org,2002:")
}

/// `!` alone: what it stands before is text.
fn is_non_specific(tag: &Tag) -> bool {
    tag.suffix_in_namespace("!").is_some_and(|name| name.is_empty())
}

/// The library reads the scalar as a document of its own.
fn resolve(text: &str, at: Position) -> Result<Value, YamlError> {
    serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| YamlError::new(at, yaml_message(&error)))
}

/// Refuses a collection with the tag of something else.
pub(super) fn check_collection(
    tag: Option<&Tag>,
    kind: &str,
    at: Position,
) -> Result<(), YamlError> {
    match tag.and_then(self::kind).as_deref() {
        Some(other) if other != kind => {
            Err(YamlError::new(at, format!("`!!{other}` cannot be the tag of a collection")))
        }
        _ => Ok(()),
    }
}

/// A scalar as the name of a field.
pub(super) fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
