//! Files to manifests.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::bounds::{MAX_DIAGNOSTICS, MAX_DOCUMENTS, MAX_FILE, MAX_NODES_IN_FILE, MAX_PROPOSALS};
use super::diagnostic::Diagnostic;
use super::locate::Located;
use super::path::{FieldPath, Segment};
use super::sources::Sources;
use super::split::{Chunk, split};
use super::tree::{Node, Position, Tree};
use super::typed::{self, Fault};
use super::yaml::{self, Reading};
use crate::template::Locator;
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
    let sources = Sources::new(file, "".into());
    let mut reader = Reader { file, sources, parsed: Parsed::default() };
    match decode(bytes) {
        Ok(text) => reader.read(text),
        Err((at, message)) => reader.refuse_file(at, message),
    }
    reader.parsed
}

/// The bytes as text, without a byte order mark.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, (Position, String)> {
    if bytes.len() > MAX_FILE {
        let message = format!("the file has {} bytes, at most {MAX_FILE} are read", bytes.len());
        return Err((Position::default(), message));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (Position { source: 0, line, column }, "not UTF-8 text".to_owned())
    })
}

struct Reader<'a> {
    file: &'a Path,
    sources: Sources,
    parsed: Parsed,
}

impl Reader<'_> {
    fn refuse_file(&mut self, at: Position, message: String) {
        self.parsed.unreadable = true;
        self.parsed.diagnostics.push(self.sources.diagnostic(at, String::new(), message));
    }

    fn read(&mut self, text: &str) {
        self.sources = Sources::new(self.file, Arc::from(text));
        let chunks = split(text);
        if chunks.len() > MAX_DOCUMENTS {
            let message = format!(
                "the file has {} documents, at most {MAX_DOCUMENTS} are read",
                chunks.len()
            );
            return self.refuse_file(Position::default(), message);
        }
        let mut nodes = 0;
        for chunk in chunks {
            if self.parsed.diagnostics.len() > MAX_DIAGNOSTICS {
                self.parsed.unreadable = true;
                return;
            }
            match yaml::read(chunk.text, 0, chunk.lines_before) {
                Ok(reading) => {
                    nodes += reading.nodes;
                    if nodes > MAX_NODES_IN_FILE {
                        let message = format!("more than {MAX_NODES_IN_FILE} values in one file");
                        return self.refuse_file(reading.node.at, message);
                    }
                    self.reading(reading, chunk);
                }
                // Each document of a hostile file would cost as much again.
                Err(error) if error.too_much => return self.refuse_file(error.at, error.message),
                Err(error) => self.syntax_error(chunk, error.at, error.message),
            }
        }
    }

    /// Adds what is wrong, until nobody would read more.
    fn tell(&mut self, diagnostic: Diagnostic) {
        match self.parsed.diagnostics.len() {
            0..MAX_DIAGNOSTICS => self.parsed.diagnostics.push(diagnostic),
            MAX_DIAGNOSTICS => self.parsed.diagnostics.push(Diagnostic::about_file(
                self.file,
                "and more is wrong with the file than is shown",
            )),
            _ => {}
        }
    }

    /// A text that is YAML.
    fn reading(&mut self, reading: Reading, chunk: Chunk<'_>) {
        let Some(first) = reading.repeated.first() else {
            return self.document(reading.node, chunk.lines_before + 1);
        };
        self.syntax_error(chunk, first.key.at, first.message());
        for repeated in &reading.repeated[1..] {
            let (at, message) = (repeated.key.at, repeated.message());
            self.tell(self.sources.diagnostic(at, String::new(), message));
        }
    }

    fn syntax_error(&mut self, chunk: Chunk<'_>, at: Position, message: String) {
        match self.name_in_text(chunk.text) {
            Some((kind, name)) => {
                let line = chunk.lines_before + 1;
                self.parsed.broken.push(Broken { kind, name, line, why: message.clone() });
            }
            None => self.parsed.unreadable = true,
        }
        self.tell(self.sources.diagnostic(at, String::new(), message));
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
        let place = self.sources.diagnostic(node.at, String::new(), message);
        self.tell(Diagnostic { hint, ..place });
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
                let (file, sources) = (self.file.to_owned(), self.sources.clone());
                let locator = Locator::of_file(self.file);
                let located = Located { manifest, file, line, plain, tree, sources, locator };
                self.parsed.objects.push(located);
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
        let found = typed_faults(faults, tree, &kind, &self.sources, self.parsed.diagnostics.len());
        let why = found.first().map(|first| first.message.clone()).unwrap_or_default();
        match named {
            Some((kind, name)) => self.parsed.broken.push(Broken { kind, name, line, why }),
            None => self.parsed.unreadable = true,
        }
        found.into_iter().for_each(|diagnostic| self.tell(diagnostic));
    }
}

/// What keeps a tree from being a type, each at its place and in their order. `told` is how much
/// was told of the file before.
pub(super) fn typed_faults(
    faults: &[Fault],
    tree: &Node,
    kind: &str,
    sources: &Sources,
    told: usize,
) -> Vec<Diagnostic> {
    let explain = |fault: &Fault| {
        let at = if fault.at_key { tree.key_at(&fault.path) } else { tree.value_at(&fault.path) };
        let place = sources.diagnostic(at, fault.path.to_string(), fault.message.clone());
        let propose = fault.at_key && told < MAX_PROPOSALS;
        let hint = if propose { nearest_field(kind, &fault.path) } else { None };
        (at, Diagnostic { hint, ..place })
    };
    let mut found: Vec<_> = faults.iter().map(explain).collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
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
