//! Getting the text that a locator leads to.

use std::error::Error;

use super::Locator;

/// The largest template or script, in bytes; as in Lima.
pub const MAX_TEMPLATE: usize = 4 << 20;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The bytes, at most [`MAX_TEMPLATE`].
    pub bytes: Vec<u8>,
    /// Where they were found: what messages show, such as the path of a `template:`.
    pub place: String,
}

/// Nothing was found, or nothing usable.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What went wrong, without the cause.
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl FetchError {
    /// An error.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, source: None }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The message and its causes on one line.
    pub fn chain(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            line = format!("{line}: {error}");
            cause = error.source();
        }
        line
    }
}

/// Hands over the texts of templates and scripts.
pub trait Fetch {
    /// Gets what the locator leads to. Blocks.
    ///
    /// # Errors
    /// If there is nothing, it is too large, or it cannot be reached.
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError>;

    /// The same for who minds which text asks: the template at `by` builds on it.
    ///
    /// # Errors
    /// As [`Self::fetch`], or if that text may not have it.
    fn fetch_for(&self, by: &Locator, locator: &Locator) -> Result<Fetched, FetchError> {
        let _ = by;
        self.fetch(locator)
    }

    /// What was fetched so far counts no more, for who loads again and again.
    fn forget(&self) {}
}
