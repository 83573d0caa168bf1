//! A text to one tree.

use serde::de::DeserializeOwned;

use super::split::split;
use super::tree::{Node, Position};
use super::{typed, yaml};

/// Reads the first document of a text; one with nothing in it is `null`.
///
/// # Errors
/// The place and the reason, if it is no YAML or too much of it.
pub(crate) fn read_node(text: &str, source: u16) -> Result<Node, (Position, String)> {
    let start = Position { source, line: 1, column: 1 };
    let chunks = split(text);
    let Some(chunk) = chunks.first() else { return Ok(Node::null(start)) };
    let refuse = |at, message| Err((at, message));
    match yaml::read(chunk.text, source, chunk.lines_before) {
        Ok(reading) => match reading.repeated.first() {
            Some(repeated) => refuse(repeated.key.at, repeated.message()),
            None => Ok(reading.node),
        },
        Err(error) => refuse(error.at, error.message),
    }
}

/// The first thing that keeps a text from being a type, with its line.
pub(crate) fn first_fault<T: DeserializeOwned>(text: &str) -> Option<String> {
    let node = read_node(text, 0).ok()?;
    let faults = typed::read::<T>(node.to_json(), |_| true).err()?;
    let fault = faults.first()?;
    let at = node.value_at(&fault.path);
    Some(format!("line {}: {}: {}", at.line, fault.path, fault.message))
}
