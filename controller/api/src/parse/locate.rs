//! A manifest together with the places of its fields.

use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::document::typed_faults;
use super::path::FieldPath;
use super::sources::Sources;
use super::tree::Node;
use super::typed;
use crate::template::{Embedding, Locator, edits, rewrite};
use crate::{FieldError, Lima, Manifest};

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
}

impl Located {
    /// The error at the place where the field is written, be it in the manifest or in a template
    /// that it builds on.
    pub fn diagnose(&self, error: &FieldError) -> Diagnostic {
        let path = if self.plain {
            error.path.strip_prefix("spec.template.").unwrap_or(&error.path)
        } else {
            &error.path
        };
        let at = self.tree.value_at(&FieldPath::parse(path));
        let place = self.sources.diagnostic(at, path.to_owned(), error.message.clone());
        Diagnostic { severity: error.severity, hint: error.hint.clone(), ..place }
    }

    /// Puts what an Instance's template builds on into it: its `base` templates, and the scripts
    /// that are in files. Nothing is left to fetch afterwards.
    ///
    /// # Errors
    /// All that is wrong with what it builds on; the manifest is as before then.
    pub fn embed(&mut self, embedding: &Embedding<'_>) -> Result<(), Vec<Diagnostic>> {
        let Manifest::Instance(instance) = &mut self.manifest else { return Ok(()) };
        let prefix = if self.plain { "" } else { "spec.template" };
        let Some(template) = self.tree.at_mut(&FieldPath::parse(prefix)) else { return Ok(()) };
        let Some(embedded) = embedding.embed(template, &self.locator, &mut self.sources)? else {
            return Ok(());
        };
        match typed::read::<Lima>(embedded.to_json(), |_| false) {
            Ok(lima) => {
                instance.spec.template = lima;
                *template = embedded;
                Ok(())
            }
            Err(faults) => Err(typed_faults(&faults, &embedded, "lima", &self.sources, 0)),
        }
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
