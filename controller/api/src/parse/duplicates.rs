//! Keys that are written twice in one mapping.

use std::collections::BTreeMap;

use serde_saphyr::options::DuplicateKeyPolicy;

use super::bounds::{MAX_DIAGNOSTICS, options};
use super::fault::{Fault, Place};
use super::path::{FieldPath, Segment};
use super::tree::{Key, Node, Tree};

/// Reads a document again whose only fault may be a key that is there twice. The first value of
/// each such key is kept. `message` is why it was refused. `None` if that is another reason, or
/// not the only one.
pub(super) fn reread(message: &str, text: &str, lines_before: usize) -> Option<(Node, Vec<Fault>)> {
    if !message.starts_with("duplicate mapping key") {
        return None;
    }
    let mut options = options();
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    let mut node = serde_saphyr::from_str_with_options::<Node>(text, options).ok()?;
    node.relocate(0, lines_before);
    let mut faults = Vec::new();
    take_out(&mut node, &FieldPath::default(), &mut faults);
    (!faults.is_empty()).then_some((node, faults))
}

fn take_out(node: &mut Node, path: &FieldPath, faults: &mut Vec<Fault>) {
    match &mut node.value {
        Tree::Scalar(_) => {}
        Tree::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                take_out(item, &path.clone().join(Segment::Index(index)), faults);
            }
        }
        Tree::Map(fields) => {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            fields.retain(|(key, _)| match seen.get(&key.name) {
                Some(first) => {
                    note(key, *first, path, faults);
                    false
                }
                None => {
                    seen.insert(key.name.clone(), key.at.line);
                    true
                }
            });
            for (key, value) in fields {
                take_out(value, &path.clone().join(Segment::Key(key.name.clone())), faults);
            }
        }
    }
}

fn note(key: &Key, first: usize, path: &FieldPath, faults: &mut Vec<Fault>) {
    // An alias repeats the mapping, and so what is wrong with it.
    let known = faults.iter().any(|fault| fault.place == Place::At(key.at));
    if !known && faults.len() <= MAX_DIAGNOSTICS {
        faults.push(Fault {
            path: path.clone().join(Segment::Key(key.name.clone())),
            message: format!("`{}` is set twice", key.name),
            hint: Some(format!("line {first} sets it, too; keep one of them")),
            place: Place::At(key.at),
            meant: None,
        });
    }
}
