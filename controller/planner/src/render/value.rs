//! Values of fields, short enough for a line.

use serde_json::Value;

/// The longest value that is shown whole.
const MAX: usize = 60;

/// The value on one line; long texts are cut and their lines counted.
pub(super) fn short(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(unset)".to_owned(),
        Some(Value::String(text)) => short_text(text),
        Some(other) => cut(&other.to_string()),
    }
}

fn short_text(text: &str) -> String {
    let lines = text.lines().count();
    match lines {
        0 => "\"\"".to_owned(),
        1 => cut(text.trim_end()),
        _ => format!("({lines} lines)"),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(MAX - 1).collect();
    format!("{start}…")
}
