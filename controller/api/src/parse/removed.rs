//! What was taken out of a document so that the rest can be read.

use serde_json::Value;

use super::path::{FieldPath, Segment};
use super::tree::{Node, Tree};

/// What was taken out of a document so that the rest can be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Removed {
    /// As each was found, after those before it were gone.
    steps: Vec<FieldPath>,
    /// The same as the document names them.
    written: Vec<FieldPath>,
}

impl Removed {
    /// Takes out the value at a path. `false` if there is none, or it is the whole document.
    pub(super) fn take(&mut self, value: &mut Value, path: &FieldPath) -> bool {
        let written = self.original(path);
        if take_from_value(value, path).is_none() {
            return false;
        }
        self.steps.push(path.clone());
        self.written.push(written);
        true
    }

    /// Adds a field of the document that nothing is taken from.
    pub(super) fn also(&mut self, path: FieldPath) {
        self.steps.push(path.clone());
        self.written.push(path);
    }

    /// Whether nothing was.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Takes the same out of the document's tree.
    pub(super) fn take_from(&self, tree: &mut Node) {
        for path in &self.steps {
            take_from_tree(tree, path);
        }
    }

    /// The path in the whole document of a path in what is left.
    pub(super) fn original(&self, path: &FieldPath) -> FieldPath {
        let mut original = FieldPath::default();
        for segment in &path.0 {
            let segment = match segment {
                Segment::Index(index) => Segment::Index(self.original_index(&original, *index)),
                Segment::Key(_) => segment.clone(),
            };
            original.0.push(segment);
        }
        original
    }

    fn original_index(&self, list: &FieldPath, index: usize) -> usize {
        let of_list = |path: &FieldPath| match path.split_last() {
            Some((parent, Segment::Index(index))) if parent == *list => Some(*index),
            _ => None,
        };
        let mut gone: Vec<_> = self.written.iter().filter_map(of_list).collect();
        gone.sort_unstable();
        gone.iter().fold(index, |index, gone| if *gone <= index { index + 1 } else { index })
    }
}

fn take_from_value(value: &mut Value, path: &FieldPath) -> Option<()> {
    let (parent, last) = path.split_last()?;
    let node = parent.0.iter().try_fold(value, |node, segment| match segment {
        Segment::Key(key) => node.get_mut(key),
        Segment::Index(index) => node.get_mut(index),
    })?;
    match (last, node) {
        (Segment::Key(key), Value::Object(fields)) => fields.shift_remove(key).map(drop),
        (Segment::Index(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
            Some(())
        }
        _ => None,
    }
}

fn take_from_tree(tree: &mut Node, path: &FieldPath) -> Option<()> {
    let (parent, last) = path.split_last()?;
    match (last, &mut tree.at_mut(&parent)?.value) {
        (Segment::Key(key), Tree::Map(fields)) => fields.retain(|(known, _)| known.name != *key),
        (Segment::Index(index), Tree::List(items)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_back_to_the_whole_document() {
        let mut value = json!({"a": [{"b": 0}, {"b": 1}, {"b": 2}, {"b": [3, 4, 5]}]});
        let mut removed = Removed::default();
        for path in ["a[1]", "a[0]", "a[1].b[1]"] {
            assert!(removed.take(&mut value, &FieldPath::parse(path)), "{path}");
        }
        assert_eq!(value, json!({"a": [{"b": 2}, {"b": [3, 5]}]}));
        for (left, whole) in [("a[0].b", "a[2].b"), ("a[1].b[1]", "a[3].b[2]"), ("c[1]", "c[1]")] {
            assert_eq!(removed.original(&FieldPath::parse(left)).to_string(), whole);
        }
        assert!(!removed.take(&mut value, &FieldPath::parse("x")), "nothing there");
        assert!(!removed.take(&mut value, &FieldPath::default()), "nothing would be left");
    }
}
