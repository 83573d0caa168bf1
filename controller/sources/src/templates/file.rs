//! Texts on this host.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use limekiln_api::template::{FetchError, Fetched, MAX_TEMPLATE};

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Fetched, FetchError> {
    let place = path.display().to_string();
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => {
                "check the path; a relative one is relative to the template that names it"
            }
            _ => "check the file's permissions",
        };
        FetchError::new(format!("cannot read {place}")).because(error).hint(hint)
    };
    // Before it is opened: opening a pipe would wait for somebody to write.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(FetchError::new(format!("{place} is not a regular file")));
    }
    let bytes = File::open(path).and_then(bounded).map_err(failed)?;
    within_bound(bytes, place)
}

/// Reads standard input.
pub(super) fn stdin() -> Result<Fetched, FetchError> {
    let failed = |error| FetchError::new("cannot read standard input").because(error);
    let bytes = bounded(io::stdin().lock()).map_err(failed)?;
    within_bound(bytes, "-".to_owned())
}

/// One byte more than is allowed shows that there are too many.
pub(super) fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_TEMPLATE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn within_bound(bytes: Vec<u8>, place: String) -> Result<Fetched, FetchError> {
    if bytes.len() > MAX_TEMPLATE {
        let most = MAX_TEMPLATE >> 20;
        let error = FetchError::new(format!("{place} has more than {most} MiB"));
        return Err(error.hint("a template is a small text; does the locator name an image?"));
    }
    Ok(Fetched { bytes, place })
}
