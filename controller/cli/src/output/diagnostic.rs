//! What is wrong with manifests.

use limekiln_api::{Diagnostic, Severity};

use super::style::{BAD, BOLD, CHANGE, Styled};

/// The diagnostic with its place in bold and its severity in colour.
pub fn styled(diagnostic: &Diagnostic) -> String {
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error:", BAD),
        Severity::Warning => ("warning:", CHANGE),
    };
    let place = diagnostic.place();
    let text = diagnostic.to_string();
    let rest = text.strip_prefix(&format!("{place}: {word}")).unwrap_or(&text);
    format!("{} {}{rest}", Styled(BOLD, &format!("{place}:")), Styled(style, word))
}
