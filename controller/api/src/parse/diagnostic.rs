//! What is wrong, and where.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The object is not used.
    Error,
    /// Worth a look.
    Warning,
}

/// One thing that is wrong with a manifest.
///
/// Its `Display` is what a compiler would print: `file:line:column: error: message`, the line, a
/// caret, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 when it concerns the whole file.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The field, such as `spec.template.cpus`; empty when it concerns the document.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The line's text.
    pub source_line: String,
}

impl Diagnostic {
    /// An error about a whole file.
    pub fn about_file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.into(),
            line: 0,
            column: 0,
            path: String::new(),
            message: message.into(),
            hint: None,
            source_line: String::new(),
        }
    }

    /// `file:line:column`, or the file alone.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.display().to_string(),
            line => format!("{}:{line}:{}", self.file.display(), self.column),
        }
    }

    /// Spaces under the source line up to the column, with tabs where the line has tabs.
    fn indent(&self) -> String {
        let before = self.source_line.chars().take(self.column.saturating_sub(1));
        before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {word}: ", self.place())?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.source_line.is_empty() {
            let number = self.line.to_string();
            let gap = " ".repeat(number.len());
            write!(f, "\n {number} | {}\n {gap} | {}^", self.source_line, self.indent())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n help: {hint}")?;
        }
        Ok(())
    }
}
