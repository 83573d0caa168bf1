//! Rules that fields of a template break.

use crate::{FieldError, Filled, HostFacts, Layer, Lima};

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

    /// Something that must be changed because of another field.
    pub(super) fn conflict(
        &mut self,
        path: impl Into<String>,
        other: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(because_of(FieldError::new(path, message).hint(hint), other));
    }

    /// Something that is worth a look because of another field.
    pub(super) fn odd_beside(
        &mut self,
        path: impl Into<String>,
        other: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(because_of(FieldError::new(path, message).hint(hint).warning(), other));
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
            let FieldError { severity, message, hint, other, about_params, .. } = found;
            let error = FieldError::of_template(layer, &path, message);
            let error = FieldError { severity, hint, about_params, ..error };
            match other {
                Some((_, other)) => {
                    let (layer, path) = filled.origin(&other, template, host);
                    error.because_of(layer, &path)
                }
                None => error,
            }
        })
    }
}

/// Still by its path in the filled template.
fn because_of(error: FieldError, other: &str) -> FieldError {
    FieldError { other: Some((Layer::Manifest, other.to_owned())), ..error }
}
