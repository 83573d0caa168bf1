//! A rule that a field breaks.

use std::fmt;

use crate::Severity;

/// The document that a value was written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The manifest itself.
    #[default]
    Manifest,
    /// `$LIMA_HOME/_config/default.yaml`, which every instance has beneath its own values.
    Defaults,
    /// `$LIMA_HOME/_config/override.yaml`, which every instance has above its own values.
    Overrides,
}

impl Layer {
    /// Its file below `$LIMA_HOME`; `None` for the manifest.
    pub fn file(self) -> Option<&'static str> {
        match self {
            Self::Manifest => None,
            Self::Defaults => Some("_config/default.yaml"),
            Self::Overrides => Some("_config/override.yaml"),
        }
    }
}

/// A rule that a field breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Whether the object can be used all the same.
    pub severity: Severity,
    /// The document that the field is in.
    pub layer: Layer,
    /// The field as that document names it: `spec.template.images[0].digest` in a manifest,
    /// `images[0].digest` in the others.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Another field, by its layer and path, that is the reason.
    pub other: Option<(Layer, String)>,
    /// Whether it depends on which parameters there are.
    pub about_params: bool,
}

impl FieldError {
    /// A broken rule, in the manifest.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            layer: Layer::Manifest,
            path: path.into(),
            message: message.into(),
            hint: None,
            other: None,
            about_params: false,
        }
    }

    /// A broken rule about a field of the template, by its path below the template.
    pub(crate) fn of_template(layer: Layer, path: &str, message: impl Into<String>) -> Self {
        Self { layer, ..Self::new(in_layer(layer, path), message) }
    }

    /// Names another field of the template, by its path below the template, that is the reason.
    pub(crate) fn because_of(self, layer: Layer, path: &str) -> Self {
        Self { other: Some((layer, in_layer(layer, path))), ..self }
    }

    /// Only a warning.
    #[must_use]
    pub fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the object cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The path of a field of the template in the document of a layer.
fn in_layer(layer: Layer, path: &str) -> String {
    match layer {
        Layer::Manifest => format!("spec.template.{path}"),
        Layer::Defaults | Layer::Overrides => path.to_owned(),
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = self.layer.file() {
            write!(f, "{file}: ")?;
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}
