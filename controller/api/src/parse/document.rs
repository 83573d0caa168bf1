//! Files to manifests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::bounds::{MAX_DOCUMENTS, MAX_FILE, options, yaml_message};
use super::diagnostic::Diagnostic;
use super::locate::{Located, diagnostic};
use super::path::{FieldPath, Segment};
use super::split::{Chunk, split};
use super::tree::{Node, Position, Tree};
use super::typed::{self, Fault};
use crate::{
    API_VERSION, Disk, Instance, InstanceSpec, Kind, Lima, Manifest, Metadata, Name, Network,
    explain,
};

/// An object whose manifest is there and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// The line on which its document starts.
    pub line: usize,
    /// What is wrong, the first error.
    pub why: String,
}

/// All that a file holds.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Its valid manifests.
    pub objects: Vec<Located>,
    /// What is wrong with the others.
    pub diagnostics: Vec<Diagnostic>,
    /// The objects that could be named although their manifests cannot be used.
    pub broken: Vec<Broken>,
    /// Whether something could not be read and not even be named. Whatever came from this file
    /// before must be left alone.
    pub unreadable: bool,
}

/// Reads a file: one or more documents, `kind: List`, or plain Lima YAML, which becomes an
/// Instance named after the file.
///
/// Never fails as a whole: each document gives manifests or diagnostics.
pub fn parse_documents(bytes: &[u8], file: &Path) -> Parsed {
    let mut reader = Reader { file, source: "".into(), parsed: Parsed::default() };
    match text_of(bytes) {
        Ok(text) => reader.read(text),
        Err((at, message)) => reader.refuse_file(at, message),
    }
    reader.parsed
}

fn text_of(bytes: &[u8]) -> Result<&str, (Position, String)> {
    if bytes.len() > MAX_FILE {
        let message = format!("the file has {} bytes, at most {MAX_FILE} are read", bytes.len());
        return Err((Position::default(), message));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (Position { line, column }, "not UTF-8 text".to_owned())
    })
}

struct Reader<'a> {
    file: &'a Path,
    source: Arc<str>,
    parsed: Parsed,
}

impl Reader<'_> {
    fn refuse_file(&mut self, at: Position, message: String) {
        self.parsed.unreadable = true;
        self.parsed.diagnostics.push(diagnostic(self.file, "", at, String::new(), message));
    }

    fn read(&mut self, text: &str) {
        self.source = text.into();
        let chunks = split(text);
        if chunks.len() > MAX_DOCUMENTS {
            let message = format!(
                "the file has {} documents, at most {MAX_DOCUMENTS} are read",
                chunks.len()
            );
            return self.refuse_file(Position::default(), message);
        }
        for chunk in chunks {
            match serde_saphyr::from_str_with_options::<Node>(chunk.text, options()) {
                Ok(mut node) => {
                    node.shift(chunk.lines_before);
                    self.document(node, chunk.lines_before + 1);
                }
                Err(error) => self.syntax_error(chunk, &error),
            }
        }
    }

    fn syntax_error(&mut self, chunk: Chunk<'_>, error: &serde_saphyr::Error) {
        let at = error.location().map_or(Position { line: 1, column: 1 }, |location| Position {
            line: location.line() as usize,
            column: location.column() as usize,
        });
        let at = Position { line: at.line + chunk.lines_before, column: at.column };
        let message = yaml_message(error);
        match self.name_in_text(chunk.text) {
            Some((kind, name)) => {
                let line = chunk.lines_before + 1;
                self.parsed.broken.push(Broken { kind, name, line, why: message.clone() });
            }
            None => self.parsed.unreadable = true,
        }
        self.parsed.diagnostics.push(diagnostic(
            self.file,
            &self.source,
            at,
            String::new(),
            message,
        ));
    }

    /// Kind and name of a text that is not YAML, from the lines that usually carry them.
    fn name_in_text(&self, text: &str) -> Option<(Kind, Name)> {
        let after = |key: &str, line: &str| {
            Some(line.strip_prefix(key)?.trim().trim_matches(['"', '\'']).to_owned())
        };
        let Some(kind) = text.lines().find_map(|line| after("kind:", line)) else {
            return Some((Kind::Instance, self.stem()?));
        };
        let in_metadata = text
            .lines()
            .skip_while(|line| !line.starts_with("metadata:"))
            .take_while(|line| line.starts_with("metadata:") || line.starts_with([' ', '\t']));
        let name = in_metadata.filter_map(|line| {
            let line = line.strip_prefix("metadata:").unwrap_or(line);
            after("name:", line.trim_start_matches([' ', '\t', '{']))
        });
        let name = name
            .map(|name| name.split([',', '}', ' ']).next().unwrap_or_default().to_owned())
            .next()?;
        Some((kind.parse().ok()?, Name::new(name).ok()?))
    }

    /// The name that plain Lima YAML gets.
    fn stem(&self) -> Option<Name> {
        if self.file == Path::new("-") {
            return None;
        }
        Name::new(self.file.file_stem()?.to_str()?).ok()
    }

    fn document(&mut self, node: Node, line: usize) {
        let kind = node.get("kind").and_then(Node::as_str);
        match (&node.value, node.get("apiVersion").is_some(), kind) {
            (Tree::Map(_), true, Some("List")) => self.list(node),
            (Tree::Map(_), true, _) => self.manifest(node, line),
            (Tree::Map(_), false, Some(_)) => {
                let hint = format!("add `apiVersion: {API_VERSION}`");
                self.fail(&node, line, None, "missing field `apiVersion`".to_owned(), Some(hint));
            }
            (Tree::Map(_), false, None) => self.plain(node, line),
            _ => self.fail(
                &node,
                line,
                None,
                "not a manifest: the document is no mapping".to_owned(),
                None,
            ),
        }
    }

    fn list(&mut self, node: Node) {
        let Tree::Map(fields) = node.value else { return };
        for (key, value) in fields {
            if let ("items", Tree::List(items)) = (key.name.as_str(), value.value) {
                for item in items {
                    let line = item.at.line;
                    self.document(item, line);
                }
            }
        }
    }

    /// One error about a whole document.
    fn fail(
        &mut self,
        node: &Node,
        line: usize,
        named: Option<(Kind, Name)>,
        message: String,
        hint: Option<String>,
    ) {
        match named.or_else(|| name_of(node)) {
            Some((kind, name)) => {
                self.parsed.broken.push(Broken { kind, name, line, why: message.clone() });
            }
            None => self.parsed.unreadable = true,
        }
        let place = diagnostic(self.file, &self.source, node.at, String::new(), message);
        self.parsed.diagnostics.push(Diagnostic { hint, ..place });
    }

    fn plain(&mut self, node: Node, line: usize) {
        let Some(name) = self.stem() else {
            let message =
                "plain Lima YAML needs a name, and there is no file name that is one".to_owned();
            let hint = "wrap it in an Instance manifest with `metadata.name`".to_owned();
            return self.fail(&node, line, None, message, Some(hint));
        };
        let read = typed::read::<Lima>(node.to_json(), |_| false);
        let manifest = read.map(|lima| {
            let metadata = Metadata::named(name.clone());
            Manifest::Instance(Box::new(Instance { metadata, spec: InstanceSpec::new(lima) }))
        });
        self.finish(manifest, node, line, Some((Kind::Instance, name)), true);
    }

    fn manifest(&mut self, node: Node, line: usize) {
        let version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        if version != API_VERSION {
            let message = format!("apiVersion {version:?} is not one of ours");
            let hint = format!("use `apiVersion: {API_VERSION}`");
            return self.fail(&node, line, None, message, Some(hint));
        }
        let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
        match Kind::ALL.into_iter().find(|known| known.camel() == kind) {
            Some(Kind::Instance) => {
                self.typed(node, line, |instance: Instance| Manifest::Instance(Box::new(instance)));
            }
            Some(Kind::Disk) => self.typed::<Disk>(node, line, Manifest::Disk),
            Some(Kind::Network) => self.typed::<Network>(node, line, Manifest::Network),
            None => {
                let hint = nearest(kind, Kind::ALL.iter().map(|kind| kind.camel()));
                let message = format!("kind {kind:?} is none of Instance, Disk, Network");
                self.fail(&node, line, None, message, hint);
            }
        }
    }

    fn typed<T: DeserializeOwned>(&mut self, node: Node, line: usize, wrap: fn(T) -> Manifest) {
        let named = name_of(&node);
        self.finish(
            typed::read(node.to_json(), of_the_envelope).map(wrap),
            node,
            line,
            named,
            false,
        );
    }

    fn finish(
        &mut self,
        read: Result<Manifest, Vec<Fault>>,
        tree: Node,
        line: usize,
        named: Option<(Kind, Name)>,
        plain: bool,
    ) {
        match read {
            Ok(manifest) => {
                let (file, source) = (PathBuf::from(self.file), Arc::clone(&self.source));
                self.parsed.objects.push(Located { manifest, file, line, plain, tree, source });
            }
            Err(faults) => self.faulty(&faults, &tree, line, named, plain),
        }
    }

    fn faulty(
        &mut self,
        faults: &[Fault],
        tree: &Node,
        line: usize,
        named: Option<(Kind, Name)>,
        plain: bool,
    ) {
        let kind = if plain {
            "lima".to_owned()
        } else {
            named.as_ref().map_or_else(|| kind_word(tree), |(kind, _)| kind.singular().to_owned())
        };
        let mut found: Vec<_> =
            faults.iter().map(|fault| self.explain_fault(fault, tree, &kind)).collect();
        found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        let why = found.first().map(|first| first.message.clone()).unwrap_or_default();
        match named {
            Some((kind, name)) => self.parsed.broken.push(Broken { kind, name, line, why }),
            None => self.parsed.unreadable = true,
        }
        self.parsed.diagnostics.append(&mut found);
    }

    fn explain_fault(&self, fault: &Fault, tree: &Node, kind: &str) -> Diagnostic {
        let at = if fault.at_key { tree.key_at(&fault.path) } else { tree.value_at(&fault.path) };
        let place =
            diagnostic(self.file, &self.source, at, fault.path.to_string(), fault.message.clone());
        let hint = if fault.at_key { nearest_field(kind, &fault.path) } else { None };
        Diagnostic { hint, ..place }
    }
}

fn kind_word(tree: &Node) -> String {
    tree.get("kind").and_then(Node::as_str).unwrap_or_default().to_lowercase()
}

/// Kind and name of a document that may be wrong otherwise.
fn name_of(node: &Node) -> Option<(Kind, Name)> {
    let kind = node.get("kind")?.as_str()?.parse().ok()?;
    let name = Name::new(node.get("metadata")?.get("name")?.as_str()?).ok()?;
    Some((kind, name))
}

/// Keys of a manifest that no type of ours has: they frame it, or a Kubernetes API server adds
/// them.
fn of_the_envelope(path: &FieldPath) -> bool {
    const TOP: [&str; 3] = ["apiVersion", "kind", "status"];
    const METADATA: [&str; 9] = [
        "creationTimestamp",
        "deletionTimestamp",
        "finalizers",
        "generation",
        "managedFields",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "uid",
    ];
    match path.0.as_slice() {
        [Segment::Key(top), ..] if TOP.contains(&top.as_str()) => true,
        [Segment::Key(top), Segment::Key(key), ..] => {
            top == "metadata" && METADATA.contains(&key.as_str())
        }
        _ => false,
    }
}

fn nearest_field(kind: &str, path: &FieldPath) -> Option<String> {
    let (parent, Segment::Key(wrong)) = path.split_last()? else { return None };
    let fields = explain::fields(kind, &parent.to_string());
    nearest(wrong, fields.iter().map(String::as_str))
}

/// The one that was probably meant.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    crate::nearest::nearest(wrong, names).map(|name| format!("did you mean `{name}`?"))
}
