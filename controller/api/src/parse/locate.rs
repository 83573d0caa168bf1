//! A manifest together with the places of its fields.

use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::path::FieldPath;
use super::tree::{Node, Position};
use crate::FieldError;
use crate::Manifest;

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
    pub(super) source: Arc<str>,
}

impl Located {
    /// The error at the place where the field is written.
    pub fn diagnose(&self, error: &FieldError) -> Diagnostic {
        let path = if self.plain {
            error.path.strip_prefix("spec.template.").unwrap_or(&error.path)
        } else {
            &error.path
        };
        let at = self.tree.value_at(&FieldPath::parse(path));
        Diagnostic {
            severity: error.severity,
            hint: error.hint.clone(),
            ..diagnostic(&self.file, &self.source, at, path.to_owned(), error.message.clone())
        }
    }
}

/// An error at a position of a source text.
pub(super) fn diagnostic(
    file: &std::path::Path,
    source: &str,
    at: Position,
    path: String,
    message: String,
) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        line: at.line,
        column: at.column,
        path,
        message,
        source_line: source_line(source, at),
        ..Diagnostic::about_file(file, "")
    }
}

/// The line as it can be shown; one that is too long to show with its caret is left out.
fn source_line(source: &str, at: Position) -> String {
    let line = source.lines().nth(at.line.saturating_sub(1)).unwrap_or_default().trim_end();
    let shown = at.line > 0 && line.len() <= 200;
    if shown {
        line.chars().filter(|c| *c == '\t' || !c.is_control()).collect()
    } else {
        String::new()
    }
}
