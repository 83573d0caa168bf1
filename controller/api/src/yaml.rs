//! YAML out, and quick YAML in where nobody needs positions.

use serde::Serialize;

use crate::Lima;

/// A stored `lima.yaml` that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(String);

/// The value as YAML.
pub fn to_yaml<T: Serialize>(value: &T) -> String {
    serde_yaml::to_string(value).expect("our types have string keys and no failing serialisers")
}

/// Reads a stored `lima.yaml` as Lima does: unknown keys are ignored, only the first document
/// counts.
///
/// # Errors
/// If it is not YAML, or a field has the wrong type; the text names the line.
pub fn read_lima(text: &str) -> Result<Lima, ReadError> {
    let text = text.trim_start_matches('\u{feff}');
    let node = crate::parse::read_node(text, 0)
        .map_err(|(at, message)| ReadError(format!("line {}: {message}", at.line)))?;
    match serde_json::from_value::<Option<Lima>>(node.into_json()) {
        Ok(lima) => Ok(lima.unwrap_or_default()),
        Err(_) => Err(wrong_type(text)),
    }
}

/// Reads a file of Lima's other than `lima.yaml`, as leniently.
pub(crate) fn read<T: serde::de::DeserializeOwned + Default>(text: &str) -> Result<T, ReadError> {
    let text = text.trim_start_matches('\u{feff}');
    let node = crate::parse::read_node(text, 0)
        .map_err(|(at, message)| ReadError(format!("line {}: {message}", at.line)))?;
    let value = serde_json::from_value::<Option<T>>(node.into_json());
    value.map(Option::unwrap_or_default).map_err(|error| ReadError(error.to_string()))
}

/// What is wrong with a text that is YAML. Nobody waits for errors: it is read once more.
fn wrong_type(text: &str) -> ReadError {
    let found = crate::parse::first_fault::<Lima>(text);
    ReadError(found.unwrap_or_else(|| "it is no mapping".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_document_counts() {
        for text in
            ["cpus: 2\n---\ncpus: 3\n", "---\ncpus: 2\n...\n", "# a\n---\ncpus: 2\n---\n- x\n"]
        {
            let read = read_lima(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read.cpus.map(|cpus| cpus.0), Some(2), "{text}");
        }
        for empty in ["", "# nothing\n", "---\n", "null\n"] {
            assert_eq!(read_lima(empty).expect("nothing is fine"), Lima::default(), "{empty}");
        }
    }
}
