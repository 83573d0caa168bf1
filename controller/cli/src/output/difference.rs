//! What differs between two texts.

use std::time::Duration;

use super::style::{BAD, DIM, GOOD, Styled};

/// The lines of a unified difference, with styles.
pub fn lines(from: &str, to: &str) -> Vec<String> {
    let styled = |line: &str| {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            _ => DIM,
        };
        Styled(style, line).to_string()
    };
    unified(from, to).lines().map(styled).collect()
}

/// A unified difference.
pub fn unified(from: &str, to: &str) -> String {
    let diff =
        similar::TextDiff::configure().timeout(Duration::from_millis(200)).diff_lines(from, to);
    diff.unified_diff().context_radius(2).to_string()
}
