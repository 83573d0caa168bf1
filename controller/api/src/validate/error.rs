//! A rule that a field breaks.

/// A rule that a field breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field in the manifest: `spec.template.images[0].digest`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl FieldError {
    /// A broken rule.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Collects errors about fields of the template.
pub(super) fn template(errors: &mut Vec<FieldError>, path: &str, message: impl Into<String>) {
    errors.push(FieldError::new(format!("spec.template.{path}"), message));
}
