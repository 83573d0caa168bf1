//! Files of this host that are no manifests.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::diagnostic::Diagnostic;
use super::document::decode;
use super::fault::explain;
use super::read::read_document;
use super::sources::Sources;
use super::typed;

/// Reads the one document of a file of settings as a type.
///
/// # Errors
/// All that is wrong with it, each at its place.
pub fn parse_settings<T: DeserializeOwned>(
    bytes: &[u8],
    file: &Path,
) -> Result<T, Vec<Diagnostic>> {
    let wrong =
        |sources: &Sources, at, message| vec![sources.diagnostic(at, String::new(), message)];
    let text = decode(bytes)
        .map_err(|(at, message)| wrong(&Sources::new(file, "".into()), at, message))?;
    let sources = Sources::new(file, Arc::from(text));
    let (tree, mut faults) =
        read_document(text, 0).map_err(|(at, message)| wrong(&sources, at, message))?;
    let read = typed::read::<T>(tree.to_json(), |_| false);
    match read {
        Ok(settings) if faults.is_empty() => Ok(settings),
        read => {
            faults.extend(read.err().into_iter().flat_map(|partial| partial.faults));
            Err(explain(&faults, &tree, &sources, &ToString::to_string))
        }
    }
}
