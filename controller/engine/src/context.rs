//! What an action is given to report through and to be cancelled by.

use std::sync::Arc;

use limekiln_model::Progress;
use tokio_util::sync::CancellationToken;

/// Progress and cancellation of one action.
#[derive(Clone)]
pub struct ActionContext {
    /// Fires when the action should end at its next safe point with
    /// [`crate::ErrorClass::Cancelled`].
    pub cancel: CancellationToken,
    sink: Arc<dyn Fn(Progress) + Send + Sync>,
}

impl ActionContext {
    /// A context that hands progress to `sink`.
    pub fn new(cancel: CancellationToken, sink: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { cancel, sink: Arc::new(sink) }
    }

    /// A context that nobody listens to.
    pub fn silent() -> Self {
        Self::new(CancellationToken::new(), |_| {})
    }

    /// Reports a line of what is done or waited for.
    pub fn message(&self, text: impl Into<String>) {
        (self.sink)(Progress::Message { text: text.into() });
    }

    /// Reports bytes.
    pub fn bytes(&self, what: &str, done: u64, total: Option<u64>) {
        (self.sink)(Progress::Bytes { what: what.to_owned(), done, total });
    }
}
