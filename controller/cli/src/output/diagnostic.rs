//! What is wrong with manifests.

use limekiln_api::{Diagnostic, Severity};

use super::fold::{error_width, fold};
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
    let (message, source) = rest.split_once('\n').unwrap_or((rest, ""));
    let place = Styled(BOLD, &format!("{place}:")).to_string();
    let head = format!("{place} {}{message}", Styled(style, word));
    [fold(&head, 4, error_width()).as_str(), source].join("\n").trim_end().to_owned()
}
