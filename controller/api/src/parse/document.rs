//! Files to manifests.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::bounds::{MAX_DIAGNOSTICS, MAX_DOCUMENTS, MAX_FILE, MAX_NODES_IN_FILE, MAX_PROPOSALS};
use super::diagnostic::Diagnostic;
use super::duplicates::faults;
use super::fault::{Fault, explain, guess};
use super::locate::{Located, Written};
use super::path::{FieldPath, Segment};
use super::sources::Sources;
use super::split::{Chunk, split};
use super::tree::{Node, Position, Tree};
use super::typed::{self, Partial};
use super::yaml;
use crate::template::Locator;
use crate::{
    API_VERSION, Disk, Instance, InstanceSpec, Kind, Lima, Manifest, Metadata, Name, Network,
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
    /// What could be read of manifests of instances that cannot be used: only good for telling
    /// what else is wrong with them. One that has no name is called `unnamed` here.
    pub partial: Vec<Located>,
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
            let message = format!("the file has more than {MAX_DOCUMENTS} documents");
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
                    let faults = faults(&reading.node, &reading.repeated);
                    self.document(reading.node, chunk.lines_before + 1, faults);
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

    /// Takes a document in; `faults` are what is wrong with it already.
    fn document(&mut self, node: Node, line: usize, faults: Vec<Fault>) {
        let kind = node.get("kind").and_then(Node::as_str);
        match (&node.value, node.get("apiVersion").is_some(), kind) {
            (Tree::Map(_), true, Some("List")) => self.list(node, faults),
            (Tree::Map(_), true, _) => self.manifest(node, line, faults),
            (Tree::Map(_), false, Some(_)) => {
                let hint = format!("add `apiVersion: {API_VERSION}`");
                self.tell_faults(&faults, &node);
                self.fail(&node, line, None, "missing field `apiVersion`".to_owned(), Some(hint));
            }
            (Tree::Map(_), false, None) => self.plain(node, line, faults),
            _ => self.fail(
                &node,
                line,
                None,
                "not a manifest: the document is no mapping".to_owned(),
                None,
            ),
        }
    }

    fn list(&mut self, node: Node, faults: Vec<Fault>) {
        let item_of = |fault: &Fault| match fault.path.0.as_slice() {
            [Segment::Key(items), Segment::Index(index), ..] if items == "items" => Some(*index),
            _ => None,
        };
        let (of_items, of_list): (Vec<_>, Vec<_>) =
            faults.into_iter().partition(|fault| item_of(fault).is_some());
        if !of_list.is_empty() {
            self.parsed.unreadable = true;
            self.tell_faults(&of_list, &node);
        }
        let Tree::Map(fields) = node.value else { return };
        for (key, value) in fields {
            if let ("items", Tree::List(items)) = (key.name.as_str(), value.value) {
                for (index, item) in items.into_iter().enumerate() {
                    let own = of_items.iter().filter(|fault| item_of(fault) == Some(index));
                    let faults = own.map(|fault| fault.below(2)).collect();
                    let line = item.at.line;
                    self.document(item, line, faults);
                }
            }
        }
    }

    fn tell_faults(&mut self, faults: &[Fault], tree: &Node) {
        for found in explain(faults, tree, &self.sources, &ToString::to_string) {
            self.tell(found);
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

    fn plain(&mut self, node: Node, line: usize, faults: Vec<Fault>) {
        let Some(name) = self.stem() else {
            let message =
                "plain Lima YAML needs a name, and there is no file name that is one".to_owned();
            let hint = "wrap it in an Instance manifest with `metadata.name`".to_owned();
            self.tell_faults(&faults, &node);
            return self.fail(&node, line, None, message, Some(hint));
        };
        let wrap = |lima| {
            let metadata = Metadata::named(name.clone());
            Manifest::Instance(Box::new(Instance { metadata, spec: InstanceSpec::new(lima) }))
        };
        let read = typed::read::<Lima>(node.to_json(), |_| false);
        let read = read.map(wrap).map_err(|partial| partial.map(wrap));
        let named = Some((Kind::Instance, name.clone()));
        self.finish(read, Document { tree: node, line, faults, named, plain: true });
    }

    fn manifest(&mut self, node: Node, line: usize, faults: Vec<Fault>) {
        let version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        if version != API_VERSION {
            let message = format!("apiVersion {version:?} is not one of ours");
            let hint = format!("use `apiVersion: {API_VERSION}`");
            self.tell_faults(&faults, &node);
            return self.fail(&node, line, None, message, Some(hint));
        }
        let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
        let known = Kind::ALL.into_iter().find(|known| known.camel() == kind);
        let Some(known) = known else {
            let hint = nearest(kind, Kind::ALL.iter().map(|kind| kind.camel()));
            let message = format!("kind {kind:?} is none of Instance, Disk, Network");
            self.tell_faults(&faults, &node);
            return self.fail(&node, line, None, message, hint);
        };
        let named = name_of(&node);
        let document = Document { tree: node, line, faults, named, plain: false };
        match known {
            Kind::Instance => self.instance(document),
            Kind::Disk => self.typed::<Disk>(document, Manifest::Disk),
            Kind::Network => self.typed::<Network>(document, Manifest::Network),
        }
    }

    fn instance(&mut self, document: Document) {
        let wrap = |instance: Instance| Manifest::Instance(Box::new(instance));
        let read = typed::read::<Instance>(document.tree.to_json(), of_the_envelope);
        let read = read.map(wrap).map_err(|partial| {
            let nameless = partial.typed.is_none() && partial.faults.iter().any(of_metadata);
            let partial = if nameless { unnamed(*partial, &document.tree) } else { *partial };
            partial.map(wrap)
        });
        self.finish(read, document);
    }

    fn typed<T: DeserializeOwned>(&mut self, document: Document, wrap: fn(T) -> Manifest) {
        let read = typed::read(document.tree.to_json(), of_the_envelope);
        self.finish(read.map(wrap).map_err(|partial| partial.map(wrap)), document);
    }

    fn finish(&mut self, read: Result<Manifest, Partial<Manifest>>, document: Document) {
        match read {
            Ok(manifest) if document.faults.is_empty() => {
                let written = self.written(document.tree, document.line, document.plain);
                self.parsed.objects.push(Located::new(manifest, written));
            }
            Ok(manifest) => {
                let removed = Default::default();
                let partial = Partial { typed: Some(manifest), faults: Vec::new(), removed };
                self.faulty(partial, document);
            }
            Err(partial) => self.faulty(partial, document),
        }
    }

    fn written(&self, tree: Node, line: usize, plain: bool) -> Written {
        let (file, sources) = (self.file.to_owned(), self.sources.clone());
        Written { file, line, plain, tree, sources, locator: Locator::of_file(self.file) }
    }

    fn faulty(&mut self, partial: Partial<Manifest>, document: Document) {
        let Document { tree, line, mut faults, named, plain } = document;
        faults.extend(partial.faults);
        let kind = if plain {
            "lima".to_owned()
        } else {
            named.as_ref().map_or_else(|| kind_word(&tree), |(kind, _)| kind.singular().to_owned())
        };
        let before = self.parsed.diagnostics.len();
        guess(&mut faults, &kind, before);
        let found = explain(&faults, &tree, &self.sources, &ToString::to_string);
        let why = found.first().map(|first| first.message.clone()).unwrap_or_default();
        match named {
            Some((kind, name)) => self.parsed.broken.push(Broken { kind, name, line, why }),
            None => self.parsed.unreadable = true,
        }
        found.into_iter().for_each(|diagnostic| self.tell(diagnostic));
        if let Some(manifest @ Manifest::Instance(_)) = partial.typed
            && before < MAX_PROPOSALS
        {
            let written = self.written(tree, line, plain);
            let located = Located::new(manifest, written);
            self.parsed.partial.push(located.without(&faults, &partial.removed));
        }
    }
}

/// A document while it is read.
struct Document {
    tree: Node,
    /// On which it starts.
    line: usize,
    /// What is wrong with its form.
    faults: Vec<Fault>,
    named: Option<(Kind, Name)>,
    plain: bool,
}

/// What an instance's manifest holds beside its metadata, which cannot be used.
fn unnamed(first: Partial<Instance>, tree: &Node) -> Partial<Instance> {
    let mut json = tree.to_json();
    json["metadata"] = serde_json::json!({"name": "unnamed"});
    let mut faults: Vec<_> = first.faults.into_iter().filter(of_metadata).collect();
    let (typed, mut removed) = match typed::read::<Instance>(json, of_the_envelope) {
        Ok(instance) => (Some(instance), Default::default()),
        Err(second) => {
            faults.extend(second.faults);
            (second.typed, second.removed)
        }
    };
    removed.also(FieldPath::parse("metadata"));
    Partial { typed, faults, removed }
}

fn of_metadata(fault: &Fault) -> bool {
    fault.path.starts_with(&FieldPath::parse("metadata"))
        || (fault.path.0.is_empty() && fault.message == "missing field `metadata`")
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

/// The one that was probably meant.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    crate::nearest::nearest(wrong, names).map(|name| format!("did you mean `{name}`?"))
}
