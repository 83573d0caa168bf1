//! A text to one tree.

use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::split::split;
use super::tree::{Node, Position};
use super::{duplicates, typed, yaml};

/// Where reading stopped, and why.
type Stopped = (Position, String);

/// Reads the first document of a text; one with nothing in it is `null`.
///
/// # Errors
/// The place and the reason, if it is no YAML or too much of it, or a key is there twice.
pub(crate) fn read_node(text: &str, source: u16) -> Result<Node, Stopped> {
    let (node, faults) = read_document(text, source)?;
    match faults.first() {
        Some(fault) => {
            let hint = fault.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
            Err((fault.position(&node), format!("{}{hint}", fault.message)))
        }
        None => Ok(node),
    }
}

/// The same, with what is wrong with its form and hides nothing else.
pub(super) fn read_document(text: &str, source: u16) -> Result<(Node, Vec<Fault>), Stopped> {
    let start = Position { source, line: 1, column: 1 };
    let chunks = split(text);
    let Some(chunk) = chunks.first() else { return Ok((Node::null(start), Vec::new())) };
    let reading = yaml::read(chunk.text, source, chunk.lines_before)
        .map_err(|error| (error.at, error.message))?;
    let faults = duplicates::faults(&reading.node, &reading.repeated);
    Ok((reading.node, faults))
}

/// The text of the first document that holds anything.
pub(crate) fn first_document(text: &str) -> &str {
    split(text).first().map_or("", |chunk| chunk.text)
}

/// The first thing that keeps a text from being a type, with its line.
pub(crate) fn first_fault<T: DeserializeOwned>(text: &str) -> Option<String> {
    let node = read_node(text, 0).ok()?;
    let partial = typed::read::<T>(node.to_json(), |_| true).err()?;
    let fault = partial.faults.first()?;
    let at = node.value_at(&fault.path);
    Some(format!("line {}: {}: {}", at.line, fault.path, fault.message))
}
