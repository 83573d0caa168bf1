//! A manifest together with the places of its fields.

use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::fault::{Fault, explain, guess};
use super::path::{FieldPath, Segment};
use super::removed::Removed;
use super::sources::Sources;
use super::tree::{Node, Position};
use super::typed;
use super::unread::Unread;
use super::written::written;
use crate::template::{Composed, Embedding, Locator, edits, rewrite};
use crate::{FieldError, Layer, Lima, Manifest};

/// A manifest, and where it was read.
#[derive(Clone, Debug)]
pub struct Located {
    /// The manifest.
    pub manifest: Manifest,
    /// The file.
    pub file: PathBuf,
    /// The line on which the document starts, from 1.
    pub line: usize,
    /// Whether it is plain Lima YAML, named after its file.
    pub plain: bool,
    pub(super) tree: Node,
    pub(super) sources: Sources,
    /// What relative locators in it are relative to.
    pub(super) locator: Locator,
    /// What is not in it, although it is written.
    unread: Unread,
    /// Whether its paths may differ from those in its texts.
    moved: bool,
    /// What is worth a look, and is about no field.
    pub(super) notes: Vec<Diagnostic>,
}

/// Where a manifest is written.
pub(super) struct Written {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) plain: bool,
    pub(super) tree: Node,
    pub(super) sources: Sources,
    pub(super) locator: Locator,
}

impl Located {
    /// A manifest that was read whole.
    pub(super) fn new(manifest: Manifest, written: Written) -> Self {
        let Written { file, line, plain, tree, sources, locator } = written;
        let (unread, moved, notes) = (Unread::default(), false, Vec::new());
        Self { manifest, file, line, plain, tree, sources, locator, unread, moved, notes }
    }

    /// The same when only a part of the document could be read.
    pub(super) fn without(mut self, faults: &[Fault], removed: &Removed) -> Self {
        let template = self.template_path();
        faults.iter().for_each(|fault| self.unread.add(fault, &self.tree, &template));
        removed.take_from(&mut self.tree);
        self.moved |= !removed.is_empty();
        self
    }

    fn template_path(&self) -> FieldPath {
        FieldPath::parse(if self.plain { "" } else { "spec.template" })
    }

    /// Whether nothing was put in or taken out.
    pub(super) fn is_as_written(&self) -> bool {
        !self.moved
    }

    /// The template as it is now.
    pub(super) fn template_json(&self) -> serde_json::Value {
        let mut json = self.tree.to_json();
        let keys = self.template_path().0.into_iter();
        keys.fold(json.take(), |mut node, segment| match segment {
            Segment::Key(key) => node[key].take(),
            Segment::Index(_) => node,
        })
    }

    /// The path of a field as the document names it.
    fn own_path<'a>(&self, path: &'a str) -> &'a str {
        if self.plain { path.strip_prefix("spec.template.").unwrap_or(path) } else { path }
    }

    /// Warnings about its text: what of it is not read.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }

    /// Whether all of the manifest could be read, and all that its template builds on.
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty()
    }

    /// Whether a rule may only be broken because something of the manifest could not be read.
    pub fn excuses(&self, error: &FieldError) -> bool {
        let excuses = |path: &str| {
            let path = FieldPath::parse(self.own_path(path));
            self.unread.explains(&self.tree, &self.template_path(), &path)
        };
        let in_layer = |(layer, path): &(Layer, String)| *layer == Layer::Manifest && excuses(path);
        if self.is_whole() {
            return false;
        }
        (error.layer == Layer::Manifest && excuses(&error.path))
            || error.other.as_ref().is_some_and(in_layer)
            || (error.about_params && self.unread.lacks_params())
    }

    /// The error at the place where the field is written, be it in the manifest or in a template
    /// that it builds on.
    pub fn diagnose(&self, error: &FieldError) -> Diagnostic {
        let path = FieldPath::parse(self.own_path(&error.path));
        let at = self.tree.value_at(&path);
        let shown = if self.moved { self.written(&path) } else { path.to_string() };
        let message = match &error.other {
            Some((layer, other)) => {
                format!("{} ({})", error.message, self.beside(at, *layer, error.layer, other))
            }
            None => error.message.clone(),
        };
        let place = self.sources.diagnostic(at, shown, message);
        Diagnostic { severity: error.severity, hint: error.hint.clone(), ..place }
    }

    /// The path by which the text names the field that has another here; empty for a text that
    /// is no YAML.
    fn written(&self, path: &FieldPath) -> String {
        written(&self.tree, path, &self.sources)
    }

    /// Where another field is, for who is at a place.
    fn beside(&self, at: Position, layer: Layer, own: Layer, path: &str) -> String {
        if layer != own {
            return layer
                .file()
                .map_or_else(|| "in the template".to_owned(), |f| format!("in {f}"));
        }
        let other = self.tree.value_at(&FieldPath::parse(self.own_path(path)));
        if other.source == at.source {
            format!("line {}", other.line)
        } else {
            self.sources.diagnostic(other, String::new(), String::new()).place()
        }
    }

    /// Puts what an Instance's template builds on into it: its `base` templates, and the scripts
    /// that are in files. Nothing is left to fetch afterwards.
    ///
    /// # Errors
    /// All that is wrong with what it builds on. What could be had of it is in the manifest then,
    /// only good for telling what else is wrong.
    pub fn embed(&mut self, embedding: &Embedding<'_>) -> Result<(), Vec<Diagnostic>> {
        let prefix = self.template_path();
        let Manifest::Instance(_) = &self.manifest else { return Ok(()) };
        let Some(template) = self.tree.at_mut(&prefix) else { return Ok(()) };
        let Composed { whole, mut problems } =
            embedding.embed(template, &self.locator, &mut self.sources);
        if !problems.is_empty() {
            self.unread.miss_bases();
        }
        // They are told by paths below the template that holds the field.
        let own = problems.iter_mut().filter(|found| !self.plain && found.file == self.file);
        for found in own.filter(|found| !found.path.is_empty()) {
            found.path.insert_str(0, "spec.template.");
        }
        problems.extend(whole.map(|whole| self.replace_template(whole)).unwrap_or_default());
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Puts what the template became in its place. Returns what of it cannot be read: what was
    /// wrong with the manifest itself is out of it already.
    fn replace_template(&mut self, whole: Node) -> Vec<Diagnostic> {
        let prefix = self.template_path();
        let Manifest::Instance(instance) = &mut self.manifest else { return Vec::new() };
        let Some(template) = self.tree.at_mut(&prefix) else { return Vec::new() };
        let read = typed::read::<Lima>(whole.to_json(), |_| false);
        *template = whole;
        self.moved = true;
        let mut partial = match read {
            Ok(lima) => {
                instance.spec.template = lima.into();
                return Vec::new();
            }
            Err(partial) => *partial,
        };
        let shown = |path: &FieldPath| written(template, path, &self.sources);
        guess(&mut partial.faults, "lima", 0);
        let found = explain(&partial.faults, template, &self.sources, &shown);
        let root = FieldPath::default();
        partial.faults.iter().for_each(|fault| self.unread.add(fault, template, &root));
        partial.removed.take_from(template);
        instance.spec.template = partial.typed.unwrap_or_default().into();
        found
    }

    /// The text of a template that [`super::parse_template`] read, with locators that mean the
    /// same from anywhere; comments and all else as they are. `home` is for `~`.
    ///
    /// # Errors
    /// The locators that lead nowhere, or that are written in a way that cannot be changed.
    pub fn with_absolute_locators(&self, home: &Path) -> Result<String, Vec<Diagnostic>> {
        let problem = |(at, why)| self.sources.diagnostic(at, String::new(), why);
        let edits = edits(&self.tree, &self.locator, home)
            .map_err(|problems| problems.into_iter().map(problem).collect::<Vec<_>>())?;
        rewrite(self.sources.own_text(), edits).map_err(|found| {
            let hint = Some("`limekiln template embed` needs no locators".to_owned());
            vec![Diagnostic { hint, ..problem(found) }]
        })
    }
}
