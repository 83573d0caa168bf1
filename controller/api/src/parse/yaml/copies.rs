//! Anchors and aliases.

use std::collections::HashMap;

use super::error::YamlError;
use crate::parse::bounds::{MAX_FILE, MAX_NODES};
use crate::parse::tree::{Node, Position};

/// What anchors name. All copying counts: nine aliases of nine aliases, nine levels deep, are a
/// few hundred bytes of text.
#[derive(Default)]
pub(super) struct Copies {
    kept: HashMap<usize, Node>,
    nodes: usize,
    bytes: usize,
}

impl Copies {
    /// Keeps what an anchor names.
    pub(super) fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), YamlError> {
        self.count(node, node.at)?;
        self.kept.insert(anchor, node.clone());
        Ok(())
    }

    /// What an alias at a position stands for. Its parts are where they were written.
    pub(super) fn paste(&mut self, anchor: usize, at: Position) -> Result<Node, YamlError> {
        let Some(node) = self.kept.get(&anchor).cloned() else {
            return Err(YamlError::new(at, "the alias is a part of what it stands for"));
        };
        self.count(&node, at)?;
        Ok(Node { at, ..node })
    }

    fn count(&mut self, node: &Node, at: Position) -> Result<(), YamlError> {
        self.nodes += node.count();
        self.bytes += node.text_len();
        if self.nodes > MAX_NODES || self.bytes > MAX_FILE {
            let message = "its aliases make the document too large".to_owned();
            return Err(YamlError::too_much(at, message));
        }
        Ok(())
    }
}
