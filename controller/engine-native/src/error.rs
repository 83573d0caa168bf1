//! Failures of files and programs as engine errors.

use std::io;
use std::path::Path;

use limekiln_engine::{EngineError, ErrorClass};

/// For `map_err` of a file operation: a full disk or a missing right needs a person.
pub(crate) fn file(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> EngineError {
    let message = format!("cannot {doing} {}", path.display());
    move |source| {
        let (class, hint) = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (ErrorClass::NeedsHuman, Some("free some space, then apply again"))
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (ErrorClass::NeedsHuman, Some("make it writable for you, then apply again"))
            }
            io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy => {
                (ErrorClass::Transient, None)
            }
            _ => (ErrorClass::Permanent, None),
        };
        let error = EngineError::new(class, message).because(source);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// For `map_err` of a whole-file write, whose error names the file itself.
pub(crate) fn write(error: limekiln_hostagent::Error) -> EngineError {
    match error {
        limekiln_hostagent::Error::File { doing, path, source } => file(doing, &path)(source),
        other => EngineError::permanent("cannot write a file").because(other),
    }
}

/// Runs work that blocks on files, away from the runtime's own thread.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, EngineError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(EngineError::new(ErrorClass::Unknown, "the work was lost").because(error))
    })
}
