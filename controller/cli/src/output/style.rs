//! Colours. They reach only terminals: everything is printed through `anstream`, which also
//! minds `NO_COLOR`.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// Created, ready, fine.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Changed, waiting.
pub const CHANGE: Style = AnsiColor::Yellow.on_default();
/// Deleted, failed.
pub const BAD: Style = AnsiColor::Red.on_default();
/// Beside the point.
pub const DIM: Style = Style::new().dimmed();
/// Names and totals.
pub const BOLD: Style = Style::new().bold();

/// A text in a style.
pub struct Styled<'a>(pub Style, pub &'a str);

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
    }
}

/// The style of a phase, of a condition's status, or of a verdict.
pub fn of_word(word: &str) -> Style {
    match word {
        "Ready" | "True" | "Running" | "ok" | "allowed" => GOOD,
        "Degraded" | "Broken" | "Failed" | "fail" | "denied" => BAD,
        "Booting" | "Stopping" | "Creating" | "Pending" | "Unknown" | "warn" => CHANGE,
        _ => Style::new(),
    }
}
