//! Where a node of a manifest is in the text that it comes from.

use super::path::{FieldPath, Segment};
use super::sources::Sources;
use super::split::split;
use super::tree::{Node, Position, Tree};
use super::yaml;

/// A node as it is written: a list that stands on lines of its own is where its first item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) at: Position,
    is_list: bool,
}

impl Spot {
    /// The node's.
    pub(super) fn of(node: &Node) -> Self {
        Self { at: node.at, is_list: matches!(node.value, Tree::List(_)) }
    }
}

/// The path by which its own text names what a path leads to: the tree's may differ when lists of
/// several templates were joined, or when something could not be read. Empty where a text is no
/// YAML, such as a script's.
pub(super) fn written(tree: &Node, path: &FieldPath, sources: &Sources) -> String {
    let (nodes, rest) = along(tree, path);
    let node = nodes.last().copied().unwrap_or(tree);
    match path_at(sources.text(node.at.source), Spot::of(node)) {
        Some(FieldPath(mut segments)) => {
            segments.extend_from_slice(rest);
            FieldPath(segments).to_string()
        }
        None => String::new(),
    }
}

fn path_at(text: &str, spot: Spot) -> Option<FieldPath> {
    let chunks = split(text);
    let chunk = chunks.iter().rev().find(|chunk| chunk.lines_before < spot.at.line)?;
    let node = yaml::read(chunk.text, spot.at.source, chunk.lines_before).ok()?.node;
    let mut path = FieldPath::default();
    search(&node, spot, &mut path).then_some(path)
}

/// The nodes along a path, from the tree down, and what of the path is not there.
pub(super) fn along<'t, 'p>(tree: &'t Node, path: &'p FieldPath) -> (Vec<&'t Node>, &'p [Segment]) {
    let (mut node, mut nodes, mut rest) = (tree, vec![tree], path.0.as_slice());
    while let Some((segment, after)) = rest.split_first() {
        let next = match (segment, &node.value) {
            (Segment::Key(name), _) => node.get(name),
            (Segment::Index(index), Tree::List(items)) => items.get(*index),
            _ => None,
        };
        let Some(next) = next else { break };
        nodes.push(next);
        (node, rest) = (next, after);
    }
    (nodes, rest)
}

fn search(node: &Node, spot: Spot, path: &mut FieldPath) -> bool {
    if Spot::of(node) == spot {
        return true;
    }
    let mut below = |segment: Segment, node: &Node| {
        path.0.push(segment);
        let found = search(node, spot, path);
        if !found {
            path.0.pop();
        }
        found
    };
    match &node.value {
        Tree::Scalar(_) => false,
        Tree::List(items) => {
            items.iter().enumerate().any(|(index, item)| below(Segment::Index(index), item))
        }
        Tree::Map(fields) => {
            fields.iter().any(|(key, node)| below(Segment::Key(key.name.clone()), node))
        }
    }
}
