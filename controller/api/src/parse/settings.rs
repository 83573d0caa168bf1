//! Files of settings of this host: any type, with the line of each setting.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::diagnostic::Diagnostic;
use super::document::decode;
use super::fault::{Fault, Place, explain};
use super::path::{FieldPath, Segment};
use super::read::read_document;
use super::sources::Sources;
use super::split::split;
use super::tree::{Node, Position, Tree};
use super::typed;
use crate::nearest::nearest;

/// What a file sets, and where.
#[derive(Clone, Debug)]
pub struct Settings<T> {
    /// The settings; what is not written has its default.
    pub value: T,
    tree: Node,
}

/// Reads a file of one YAML document as a type whose every field has a default.
///
/// # Errors
/// All that is wrong: no YAML, a second document, unknown keys, values of the wrong type, a key
/// that is there twice.
pub fn parse_settings<T>(bytes: &[u8], file: &Path) -> Result<Settings<T>, Vec<Diagnostic>>
where
    T: DeserializeOwned + Serialize + Default,
{
    let nowhere = Sources::new(file, "".into());
    let one = |sources: &Sources, (at, message): (Position, String)| {
        vec![sources.diagnostic(at, String::new(), message)]
    };
    let text = decode(bytes).map_err(|error| one(&nowhere, error))?;
    let sources = Sources::new(file, Arc::from(text));
    if let [_, second, ..] = split(text).as_slice() {
        let at = Position { source: 0, line: second.lines_before + 1, column: 1 };
        return Err(one(&sources, (at, "only one document is allowed here".to_owned())));
    }
    let (mut tree, mut faults) = read_document(text, 0).map_err(|error| one(&sources, error))?;
    if tree.is_null() {
        tree.value = Tree::Map(Vec::new());
    }
    let value = match typed::read::<T>(tree.to_json(), |_| false) {
        Ok(value) if faults.is_empty() => return Ok(Settings { value, tree }),
        Ok(_) => Vec::new(),
        Err(partial) => partial.faults,
    };
    faults.extend(value);
    propose::<T>(&mut faults);
    Err(explain(&faults, &tree, &sources, &ToString::to_string))
}

/// Which names unknown keys were to have: those of the defaults are all that there are.
fn propose<T: Serialize + Default>(faults: &mut [Fault]) {
    let known = serde_json::to_value(T::default()).unwrap_or_default();
    for fault in faults.iter_mut().filter(|fault| fault.place == Place::Key) {
        let Some((parent, Segment::Key(wrong))) = fault.path.split_last() else { continue };
        let parent = parent.0.iter().try_fold(&known, |node, segment| match segment {
            Segment::Key(key) => node.get(key),
            Segment::Index(_) => None,
        });
        let names = parent.and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
        fault.meant = nearest(wrong, names.map(String::as_str)).map(str::to_owned);
    }
}

impl<T> Settings<T> {
    /// The line on which a setting's key is written, from 1; `None` where it has its default.
    pub fn line(&self, path: &str) -> Option<usize> {
        let mut line = None;
        let mut node = &self.tree;
        for segment in FieldPath::parse(path).0 {
            let Segment::Key(name) = segment else { return None };
            let (key, value) = node.field(&name)?;
            (line, node) = (Some(key.at.line), value);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Outer {
        inner: Inner,
        names: Vec<String>,
    }

    #[derive(Debug, Default, Deserialize, Serialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Inner {
        large_count: u32,
        b: bool,
    }

    fn read(text: &str) -> Result<Settings<Outer>, Vec<String>> {
        parse_settings(text.as_bytes(), Path::new("p.yaml"))
            .map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lines_are_those_of_the_keys_that_are_written() {
        let settings = read("# about\nnames: [a]\ninner:\n  b: true\n").expect("good");
        assert!(settings.value.inner.b);
        assert_eq!(settings.line("names"), Some(2));
        assert_eq!(settings.line("inner.b"), Some(4));
        assert_eq!(settings.line("inner.largeCount"), None);
        assert!(read("").expect("defaults").value.names.is_empty());
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let found = read("name: [a]\ninner: {largeCont: 5, b: maybe}\n").expect_err("wrong");
        let all = found.join("\n");
        for part in [
            "p.yaml:1:1: error: name: unknown field `name`",
            "did you mean `names`?",
            "did you mean `largeCount`?",
            "p.yaml:2:",
            "expected true or false",
        ] {
            assert!(all.contains(part), "{part} is missing in\n{all}");
        }
        for (text, part) in [
            ("names: []\n---\nnames: []\n", "p.yaml:2:1"),
            ("names: []\nnames: [a]\n", "p.yaml:2:1"),
            ("[", "p.yaml:1"),
            ("just text", "expected a mapping"),
        ] {
            let found = read(text).expect_err(text).join("\n");
            assert!(found.contains(part), "{text:?}: {found}");
        }
    }
}
