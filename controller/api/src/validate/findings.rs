//! Rules that fields of a template break.

use crate::{FieldError, Filled, HostFacts, Lima};

/// Rules that fields of a filled template break, by the fields' paths in it.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<FieldError>);

impl Findings {
    /// Something that must be changed: the field, what is wrong, what to do.
    pub(super) fn error(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(FieldError::new(path, message).hint(hint));
    }

    /// Something that is worth a look.
    pub(super) fn warning(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(FieldError::new(path, message).hint(hint).warning());
    }

    /// All, by the places where the fields were written.
    pub(super) fn placed(
        self,
        filled: &Filled,
        template: &Lima,
        host: &HostFacts,
    ) -> impl Iterator<Item = FieldError> {
        self.0.into_iter().map(move |found| {
            let (layer, path) = filled.origin(&found.path, template, host);
            let FieldError { severity, message, hint, .. } = found;
            FieldError { severity, hint, ..FieldError::of_template(layer, &path, message) }
        })
    }
}
