//! Why a text cannot be read.

use granit_parser::{ErrorKind, Marker, ScanError};

use crate::parse::tree::Position;

/// Where and why reading stopped.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) at: Position,
    pub(crate) message: String,
    /// Whether the text was refused for its size, and not for what it says.
    pub(crate) too_much: bool,
}

impl YamlError {
    pub(super) fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), too_much: false }
    }

    pub(super) fn too_much(at: Position, message: String) -> Self {
        Self { at, message, too_much: true }
    }
}

/// Where a text is among all that a manifest is made from.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) source: u16,
    pub(super) lines_before: usize,
}

impl Start {
    /// The parser counts lines from 1 and columns from 0.
    pub(super) fn position(self, marker: &Marker) -> Position {
        Position {
            source: self.source,
            line: marker.line() + self.lines_before,
            column: marker.col() + 1,
        }
    }

    pub(super) fn error(self, error: &ScanError) -> YamlError {
        let at = self.position(error.marker());
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => {
                YamlError::too_much(at, "the document is nested too deeply".to_owned())
            }
            _ => YamlError::new(at, error.info()),
        }
    }
}
