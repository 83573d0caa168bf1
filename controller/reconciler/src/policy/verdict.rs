//! What a rule says of a field.

use std::fmt::Display;

use serde::Serialize;

use super::HostPolicy;
use super::judge::Denial;

/// The text without what a terminal would take for commands: values of others are in it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What a rule says of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the object may have it.
    pub allowed: bool,
    /// The field of the manifest: `spec.template.mounts[0].location`.
    pub path: String,
    /// Its value, filled in and expanded.
    pub value: String,
    /// The rule, a field of the policy file: `mounts.roots`.
    pub rule: String,
    /// Where the rule is written, as [`super::HostPolicy::place`] says it.
    pub rule_place: String,
    /// Why it is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to write to allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Verdict {
    /// What a rule of a policy says of the value at a path.
    pub(super) fn new(
        policy: &HostPolicy,
        rule: &str,
        path: impl Into<String>,
        value: impl Display,
        denial: Option<Denial>,
    ) -> Self {
        let (why, hint) = denial.map(|denial| (plain(&denial.why), denial.hint)).unzip();
        Self {
            allowed: why.is_none(),
            path: path.into(),
            value: value.to_string(),
            rule: rule.to_owned(),
            rule_place: policy.place(rule),
            why,
            hint,
        }
    }

    /// What is wrong, for a diagnostic that shows path and place itself.
    pub(crate) fn message(&self) -> String {
        let why = self.why.as_deref().unwrap_or("it is not allowed");
        format!("denied by `{}` ({}): {why}", self.rule, self.rule_place)
    }
}
