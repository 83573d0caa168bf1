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
    let options = crate::parse::options();
    let text = text.trim_start_matches('\u{feff}');
    let first = crate::parse::first_document(text);
    serde_saphyr::from_str_with_options::<Option<Lima>>(first, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| ReadError(crate::parse::yaml_message(&error)))
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
