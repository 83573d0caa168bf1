//! One template, from wherever it is.

use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::document::decode;
use super::fault::{explain, guess};
use super::locate::{Located, Written};
use super::read::read_document;
use super::removed::Removed;
use super::sources::Sources;
use super::split::split;
use super::tree::{Node, Position, Tree};
use super::typed;
use crate::template::Locator;
use crate::{Instance, InstanceSpec, Lima, Manifest, Metadata, Name};

/// A text that is no template, or not quite one.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What keeps it from being one.
    pub diagnostics: Vec<Diagnostic>,
    /// What could be read all the same: only good for telling what else is wrong.
    pub partial: Option<Box<Located>>,
}

/// Reads a text as plain Lima YAML: its first document, as Lima does.
///
/// `locator` is where it is, and what relative locators in it are relative to; `place` is what
/// messages show; `name` is the name that an instance of it would have.
///
/// # Errors
/// All that keeps it from being a template.
pub fn parse_template(
    bytes: &[u8],
    locator: &Locator,
    place: &str,
    name: &Name,
) -> Result<Located, Refused> {
    let file = Path::new(place);
    let refused = |diagnostic| Refused { diagnostics: vec![diagnostic], partial: None };
    let text = decode(bytes).map_err(|(at, message)| {
        refused(Sources::new(file, "".into()).diagnostic(at, String::new(), message))
    })?;
    let sources = Sources::new(file, Arc::from(text));
    let refuse = |at, message| refused(sources.diagnostic(at, String::new(), message));
    let notes = notes(text, &sources);
    let (mut tree, mut faults) =
        read_document(text, 0).map_err(|(at, message)| refuse(at, message))?;
    if tree.is_null() {
        tree.value = Tree::Map(Vec::new());
    }
    check_kind(&tree).map_err(|message| refuse(tree.at, message))?;
    let read = typed::read::<Lima>(tree.to_json(), |_| false);
    let written = Written {
        file: file.to_owned(),
        line: tree.at.line,
        plain: true,
        tree,
        sources,
        locator: locator.clone(),
    };
    let located = |lima, written| {
        let metadata = Metadata::named(name.clone());
        let spec = InstanceSpec::new(lima);
        let manifest = Manifest::Instance(Box::new(Instance { metadata, spec }));
        let mut located = Located::new(manifest, written);
        located.notes = notes;
        located
    };
    let (typed, removed) = match read {
        Ok(lima) if faults.is_empty() => return Ok(located(lima, written)),
        Ok(lima) => (Some(lima), Removed::default()),
        Err(partial) => {
            faults.extend(partial.faults);
            (partial.typed, partial.removed)
        }
    };
    guess(&mut faults, "lima", 0);
    let diagnostics = explain(&faults, &written.tree, &written.sources, &ToString::to_string);
    let partial = typed.map(|lima| Box::new(located(lima, written).without(&faults, &removed)));
    Err(Refused { diagnostics, partial })
}

/// What of a text is not read, or that there is nothing to read.
fn notes(text: &str, sources: &Sources) -> Vec<Diagnostic> {
    let warning = |line, message: &str, hint: &str| {
        let at = Position { source: 0, line, column: 1 };
        let found = sources.diagnostic(at, String::new(), message.to_owned());
        Diagnostic { severity: Severity::Warning, hint: Some(hint.to_owned()), ..found }
    };
    match split(text).as_slice() {
        [] => vec![warning(1, "the template is empty", "write `images`, or a `base`")],
        [_] => Vec::new(),
        [_, second, ..] => vec![warning(
            second.lines_before + 1,
            "only the first document is read, as by Lima",
            "put each template into a file of its own",
        )],
    }
}

fn check_kind(tree: &Node) -> Result<(), String> {
    match &tree.value {
        Tree::Map(_) if tree.get("apiVersion").is_some() => {
            Err("a manifest, not a template: use `limekiln validate`".to_owned())
        }
        Tree::Map(_) => Ok(()),
        _ => Err("not a template: the document is no mapping".to_owned()),
    }
}
