//! A YAML document whose every node knows where it is.

use serde_json::Value;

use super::path::{FieldPath, Segment};

/// A place in one of the texts that a manifest is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Which text, see [`super::Sources`]; 0 is the manifest's own file.
    pub(crate) source: u16,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

/// A node and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Tree,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) name: String,
}

impl Node {
    /// Nothing, at a position.
    pub(crate) fn null(at: Position) -> Self {
        Self { at, value: Tree::Scalar(Value::Null) }
    }

    /// How many nodes it is, with all below it; keys count, too.
    pub(crate) fn count(&self) -> usize {
        match &self.value {
            Tree::Scalar(_) => 1,
            Tree::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Tree::Map(fields) => 1 + fields.iter().map(|(_, node)| 1 + node.count()).sum::<usize>(),
        }
    }

    /// How many bytes of text it holds.
    pub(crate) fn text_len(&self) -> usize {
        match &self.value {
            Tree::Scalar(value) => value.as_str().map_or(0, str::len),
            Tree::List(items) => items.iter().map(Self::text_len).sum(),
            Tree::Map(fields) => {
                fields.iter().map(|(key, node)| key.name.len() + node.text_len()).sum()
            }
        }
    }

    /// The node without positions.
    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            Tree::Scalar(value) => value.clone(),
            Tree::List(items) => items.iter().map(Self::to_json).collect(),
            Tree::Map(fields) => Value::Object(
                fields.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
            ),
        }
    }

    /// The same, without copying any text.
    pub(crate) fn into_json(self) -> Value {
        match self.value {
            Tree::Scalar(value) => value,
            Tree::List(items) => items.into_iter().map(Self::into_json).collect(),
            Tree::Map(fields) => Value::Object(
                fields.into_iter().map(|(key, node)| (key.name, node.into_json())).collect(),
            ),
        }
    }

    /// The field of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.field(name).map(|(_, node)| node)
    }

    /// A key of a mapping and its value.
    pub(crate) fn field(&self, name: &str) -> Option<&(Key, Self)> {
        match &self.value {
            Tree::Map(fields) => fields.iter().find(|(key, _)| key.name == name),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Tree::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    /// Where the path's value is, or as much of the path as exists.
    pub(crate) fn value_at(&self, path: &FieldPath) -> Position {
        self.descend(path).map_or_else(|parent| parent.at, |node| node.at)
    }

    /// Where the path's key is written, or as much of the path as exists.
    pub(crate) fn key_at(&self, path: &FieldPath) -> Position {
        let Some((parent, last)) = path.split_last() else { return self.at };
        match (self.descend(&parent), last) {
            (Ok(node), Segment::Key(name)) => node.field(name).map_or(node.at, |(key, _)| key.at),
            _ => self.value_at(path),
        }
    }

    /// The node at the path, or the deepest one on the way.
    fn descend(&self, path: &FieldPath) -> Result<&Self, &Self> {
        let mut node = self;
        for segment in &path.0 {
            let next = match (segment, &node.value) {
                (Segment::Key(name), _) => node.get(name),
                (Segment::Index(index), Tree::List(items)) => items.get(*index),
                _ => None,
            };
            node = next.ok_or(node)?;
        }
        Ok(node)
    }

    /// The fields of a mapping.
    pub(crate) fn fields_mut(&mut self) -> Option<&mut Vec<(Key, Self)>> {
        match &mut self.value {
            Tree::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// The node at exactly this path.
    pub(crate) fn at_mut(&mut self, path: &FieldPath) -> Option<&mut Self> {
        let mut node = self;
        for segment in &path.0 {
            node = match (segment, &mut node.value) {
                (Segment::Key(name), Tree::Map(fields)) => {
                    fields.iter_mut().find(|(key, _)| key.name == *name).map(|(_, node)| node)?
                }
                (Segment::Index(index), Tree::List(items)) => items.get_mut(*index)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// The field of a mapping.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.fields_mut()?.iter_mut().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// Takes a field out of a mapping.
    pub(crate) fn take(&mut self, name: &str) -> Option<Self> {
        let fields = self.fields_mut()?;
        let index = fields.iter().position(|(key, _)| key.name == name)?;
        Some(fields.remove(index).1)
    }

    /// Whether it is `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Tree::Scalar(Value::Null))
    }
}
