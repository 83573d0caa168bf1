//! A text to one tree.

use super::bounds::{options, yaml_message};
use super::split::split;
use super::tree::{Node, Position, Tree, place_of};

/// Reads the first document of a text; one with nothing in it is `null`.
///
/// # Errors
/// The place and the reason, if it is no YAML or too much of it.
pub(crate) fn read_node(text: &str, source: u16) -> Result<Node, (Position, String)> {
    let start = Position { source, line: 1, column: 1 };
    let chunks = split(text);
    let Some(chunk) = chunks.first() else {
        return Ok(Node { at: start, value: Tree::Scalar(serde_json::Value::Null) });
    };
    match serde_saphyr::from_str_with_options::<Node>(chunk.text, options()) {
        Ok(mut node) => {
            node.relocate(source, chunk.lines_before);
            Ok(node)
        }
        Err(error) => {
            let at = place_of(&error, chunk.lines_before);
            Err((Position { source, ..at }, yaml_message(&error)))
        }
    }
}

/// The text of the first document that holds anything.
pub(crate) fn first_document(text: &str) -> &str {
    split(text).first().map_or("", |chunk| chunk.text)
}
