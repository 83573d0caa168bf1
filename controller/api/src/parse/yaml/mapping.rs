//! The fields of one mapping.

use std::collections::HashSet;

use super::error::YamlError;
use crate::parse::tree::{Key, Node, Position, Tree};

/// With fewer fields than these, comparing is faster than hashing.
const FEW: usize = 24;

/// Keeps out what is there already.
#[derive(Default)]
pub(super) struct Mapping {
    fields: Vec<(Key, Node)>,
    /// The names, once there are many: a hostile text must not cost their square.
    names: HashSet<String>,
    /// What `<<` puts in: it yields to all fields, also to later ones.
    merged: Vec<(Key, Node)>,
}

impl Mapping {
    /// Adds a field, or gives its key back if there is one of that name.
    pub(super) fn insert(&mut self, key: Key, value: Node) -> Result<(), Key> {
        if self.has(&key.name) {
            return Err(key);
        }
        if self.fields.len() == FEW {
            self.names = self.fields.iter().map(|(key, _)| key.name.clone()).collect();
        }
        if self.fields.len() >= FEW {
            self.names.insert(key.name.clone());
        }
        self.fields.push((key, value));
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        match self.fields.len() {
            0..=FEW => self.fields.iter().any(|(key, _)| key.name == name),
            _ => self.names.contains(name),
        }
    }

    /// Where the key of a field is.
    pub(super) fn place(&self, name: &str) -> Position {
        let field = self.fields.iter().find(|(key, _)| key.name == name);
        field.map_or_else(Position::default, |(key, _)| key.at)
    }

    /// Adds the value of `<<`: a mapping, or a list of them of which the first has precedence.
    pub(super) fn merge(&mut self, value: Node) -> Result<(), YamlError> {
        match value.value {
            Tree::Map(fields) => self.merged.extend(fields),
            Tree::List(items) => {
                for item in items {
                    match item.value {
                        Tree::Map(fields) => self.merged.extend(fields),
                        _ => return Err(not_a_mapping(&item)),
                    }
                }
            }
            Tree::Scalar(serde_json::Value::Null) => {}
            Tree::Scalar(_) => return Err(not_a_mapping(&value)),
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Vec<(Key, Node)> {
        for (key, value) in std::mem::take(&mut self.merged) {
            // One that is set elsewhere is not repeated: it is replaced.
            let _ = self.insert(key, value);
        }
        self.fields
    }
}

fn not_a_mapping(node: &Node) -> YamlError {
    YamlError::new(node.at, "`<<` takes a mapping, or a list of mappings")
}
