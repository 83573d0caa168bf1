//! Collects verdicts.

use std::fmt::Display;

use super::{Ground, HostPolicy, PolicyRules, Verdict};

/// Why something is denied, and what to write into the policy to allow it.
pub(super) struct Denial {
    pub(super) why: String,
    pub(super) hint: String,
}

/// A denial: why, and what to write into the policy.
pub(super) fn denied(why: impl Into<String>, write: impl Display) -> Denial {
    Denial { why: why.into(), hint: format!("to allow it, write into the policy: {write}") }
}

impl Denial {
    /// A denial that no line of a policy lifts: why, and what else to do.
    pub(super) fn unless(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }

    /// With another way out: what to write into the manifest.
    pub(super) fn or(mut self, manifest: &str) -> Self {
        self.hint = format!("{manifest}; {}", self.hint);
        self
    }
}

/// Judges the fields of one object.
pub(super) struct Judge<'a> {
    pub(super) policy: &'a HostPolicy,
    pub(super) ground: &'a Ground<'a>,
    pub(super) verdicts: Vec<Verdict>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(policy: &'a HostPolicy, ground: &'a Ground<'a>) -> Self {
        Self { policy, ground, verdicts: Vec::new() }
    }

    pub(super) fn rules(&self) -> &'a PolicyRules {
        self.policy.rules()
    }

    /// Notes what a rule says of a field.
    pub(super) fn note(
        &mut self,
        rule: &str,
        path: impl Into<String>,
        value: impl Display,
        denial: Option<Denial>,
    ) {
        self.verdicts.push(Verdict::new(self.policy, rule, path, value, denial));
    }

    /// Notes what a rule that is yes or no says of a field that is set.
    pub(super) fn flag(&mut self, allowed: bool, rule: &str, path: &str, set: bool, why: &str) {
        if set {
            let write = written(rule, "true");
            self.note(rule, path, "true", (!allowed).then(|| denied(why, write)));
        }
    }

    /// Notes what a list of patterns says of a text.
    pub(super) fn pattern(&mut self, patterns: &[String], rule: &str, path: &str, value: &str) {
        self.note(rule, path, value, pattern(patterns, rule, value));
    }
}

/// Why a list of patterns denies a text.
pub(super) fn pattern(patterns: &[String], rule: &str, value: &str) -> Option<Denial> {
    let fits = super::glob::fits_any(patterns, value);
    (!fits).then(|| {
        let write = written(rule, &format!("[{}]", quoted(value)));
        denied(format!("{} fits none of its patterns", quoted(value)), write)
    })
}

/// A rule as one writes it: `mounts: {roots: […]}`.
pub(super) fn written(rule: &str, value: &str) -> String {
    let mut parts = rule.split('.').rev();
    let last = parts.next().unwrap_or(rule);
    parts.fold(format!("{last}: {value}"), |inner, outer| format!("{outer}: {{{inner}}}"))
}

/// A text in quotes, as YAML and JSON read it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
