//! Keys that are written twice in one mapping.

use std::collections::BTreeMap;

use super::fault::{Fault, Place};
use super::path::{FieldPath, Segment};
use super::tree::{Node, Position, Tree};
use super::yaml::Repeated;

/// What is wrong with keys that their mappings had before. The first value of each is in the tree.
pub(super) fn faults(tree: &Node, repeated: &[Repeated]) -> Vec<Fault> {
    let mut paths: BTreeMap<Position, Option<FieldPath>> =
        repeated.iter().map(|one| (one.first, None)).collect();
    if !paths.is_empty() {
        find(tree, &FieldPath::default(), &mut paths);
    }
    let fault = |one: &Repeated| Fault {
        path: paths.get(&one.first).cloned().flatten().unwrap_or_default(),
        message: format!("`{}` is set twice", one.key.name),
        hint: Some(format!("line {} sets it, too; keep one of them", one.first.line)),
        place: Place::At(one.key.at),
        meant: None,
    };
    repeated.iter().map(fault).collect()
}

/// Finds the paths of keys by their positions.
fn find(node: &Node, path: &FieldPath, paths: &mut BTreeMap<Position, Option<FieldPath>>) {
    match &node.value {
        Tree::Scalar(_) => {}
        Tree::List(items) => {
            for (index, item) in items.iter().enumerate() {
                find(item, &path.clone().join(Segment::Index(index)), paths);
            }
        }
        Tree::Map(fields) => {
            for (key, value) in fields {
                let path = path.clone().join(Segment::Key(key.name.clone()));
                find(value, &path, paths);
                if let Some(found @ None) = paths.get_mut(&key.at) {
                    *found = Some(path);
                }
            }
        }
    }
}
