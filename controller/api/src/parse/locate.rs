//! A manifest together with the places of its fields.

use std::path::PathBuf;

use super::diagnostic::Diagnostic;
use super::document::typed_faults;
use super::path::FieldPath;
use super::sources::Sources;
use super::tree::Node;
use super::typed;
use crate::template::{Embedding, Locator};
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
        let locator = Locator::of_file(&self.file);
        let Some(embedded) = embedding.embed(template, &locator, &mut self.sources)? else {
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
}
