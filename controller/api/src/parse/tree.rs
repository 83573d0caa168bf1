//! A YAML document whose every node knows where it is.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::path::{FieldPath, Segment};

/// A place in one of the texts that a manifest is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Which text, see [`super::Sources`]; 0 is the manifest's own file.
    pub(crate) source: u16,
    /// From 1.
    pub(crate) line: usize,
    /// From 1.
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

    /// Moves the whole tree into a text, below so many lines. Returns how many nodes it has.
    pub(crate) fn relocate(&mut self, source: u16, lines_before: usize) -> usize {
        let moved = |at: &mut Position| {
            at.source = source;
            at.line += lines_before;
        };
        moved(&mut self.at);
        let below: usize = match &mut self.value {
            Tree::Scalar(_) => 0,
            Tree::List(items) => {
                items.iter_mut().map(|item| item.relocate(source, lines_before)).sum()
            }
            Tree::Map(fields) => fields
                .iter_mut()
                .map(|(key, node)| {
                    moved(&mut key.at);
                    node.relocate(source, lines_before)
                })
                .sum(),
        };
        below + 1
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

fn position(location: serde_saphyr::Location) -> Position {
    Position { source: 0, line: location.line() as usize, column: location.column() as usize }
}

/// Where the YAML reader stopped, in a document with so many lines before it.
pub(crate) fn place_of(error: &serde_saphyr::Error, lines_before: usize) -> Position {
    let at = error.location().map_or(Position { source: 0, line: 1, column: 1 }, position);
    Position { line: at.line + lines_before, ..at }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: Inner(value), referenced, .. } =
            Spanned::<Inner>::deserialize(deserializer)?;
        Ok(Self { at: position(referenced), value })
    }
}

/// A node's content; its position comes from the `Spanned` around it.
struct Inner(Tree);

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Self)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(flag.into()))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }
    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(text.into()))
    }
    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Scalar(text.into()))
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut fields: Vec<(Key, Node)> = Vec::new();
        while let Some((key, node)) = access.next_entry::<Node, Node>()? {
            let name = match key.value {
                Tree::Scalar(Value::String(name)) => name,
                Tree::Scalar(other) => other.to_string(),
                _ => return Err(de::Error::custom("a key must be a scalar")),
            };
            fields.push((Key { at: key.at, name }, node));
        }
        Ok(Tree::Map(fields))
    }
}
