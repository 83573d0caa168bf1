//! The texts that a manifest is made from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::tree::Position;

/// A manifest's own file, and then the templates and scripts that were put into it.
#[derive(Clone, Debug)]
pub(crate) struct Sources(Vec<Source>);

#[derive(Clone, Debug)]
struct Source {
    /// The path or locator that is shown.
    place: PathBuf,
    text: Arc<str>,
}

impl Sources {
    /// The manifest's own file.
    pub(crate) fn new(place: &Path, text: Arc<str>) -> Self {
        Self(vec![Source { place: place.to_owned(), text }])
    }

    /// The manifest's own text.
    pub(crate) fn own_text(&self) -> &str {
        self.text(0)
    }

    /// One of the texts.
    pub(crate) fn text(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or("", |source| &source.text)
    }

    /// Adds a text, and gives its number. `None` if there are too many.
    pub(crate) fn add(&mut self, place: impl Into<PathBuf>, text: Arc<str>) -> Option<u16> {
        let number = u16::try_from(self.0.len()).ok()?;
        self.0.push(Source { place: place.into(), text });
        Some(number)
    }

    /// An error at a position.
    pub(crate) fn diagnostic(&self, at: Position, path: String, message: String) -> Diagnostic {
        let source = self.0.get(usize::from(at.source));
        let place = source.map_or(Path::new(""), |source| &source.place);
        Diagnostic {
            severity: Severity::Error,
            line: at.line,
            column: at.column,
            path,
            message,
            source_line: source_line(source.map_or("", |source| &source.text), at),
            ..Diagnostic::about_file(place, "")
        }
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
