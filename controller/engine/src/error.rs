//! How engines fail.

use std::error::Error;

/// What kind of failure it is: decides whether the executor tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// May pass by itself: a refused connection, a busy file. Tried again with backoff.
    Transient,
    /// Will not pass: a bad digest, an image in the wrong format. Not tried again.
    Permanent,
    /// A person has to do something first: a missing program, a full disk.
    NeedsHuman,
    /// What must hold before the action does not hold: the world moved. Look again, plan again.
    Precondition,
    /// It may or may not have happened. The state is read again before anything else is done.
    Unknown,
    /// The run was cancelled at a safe point.
    Cancelled,
}

/// A failed observation or action.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What kind of failure.
    pub class: ErrorClass,
    /// What failed, without the cause.
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl EngineError {
    /// A failure of the given class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, source: None }
    }

    /// Something that may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// Something that will not pass.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, message)
    }

    /// Something a person has to mend.
    pub fn needs_human(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::NeedsHuman, message)
    }

    /// A precondition that does not hold.
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Precondition, message)
    }

    /// Cancelled at a safe point.
    pub fn cancelled() -> Self {
        Self::new(ErrorClass::Cancelled, "cancelled")
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The message and all causes on one line.
    pub fn chain(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}
