//! What all instances of a home have in common: Lima's `default.yaml` and `override.yaml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use limekiln_api::{Layer, Lima, Severity, parse_documents, read_lima};

/// A file that all instances depend on can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// It can't be read.
    #[error("cannot read {}, which every instance depends on", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It isn't Lima's YAML.
    #[error("{} is wrong, and every instance depends on it\n{diagnostics}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its lines.
        diagnostics: String,
    },
}

impl LayerError {
    /// What to do.
    pub fn hint(&self) -> String {
        let (Self::Unreadable { path, .. } | Self::Invalid { path, .. }) = self;
        format!("mend {}, or move it away", path.display())
    }
}

/// Reads a layer; one that doesn't exist is empty. As for Lima, keys that nobody knows are fine.
pub(super) fn read(lima_home: &Path, layer: Layer) -> Result<Lima, LayerError> {
    let Some(file) = layer.file() else { return Ok(Lima::default()) };
    let path = lima_home.join(file);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lima::default()),
        Err(source) => return Err(LayerError::Unreadable { path, source }),
    };
    let read = std::str::from_utf8(&bytes).map_err(|error| error.to_string());
    let read = read.and_then(|text| read_lima(text).map_err(|error| error.to_string()));
    read.map_err(|message| LayerError::Invalid { diagnostics: shown(&bytes, &path, message), path })
}

/// What is wrong with its lines, as for a manifest; `message` where that finds nothing.
fn shown(bytes: &[u8], path: &Path, message: String) -> String {
    let found = parse_documents(bytes, path).diagnostics;
    let errors = found.iter().filter(|found| found.severity == Severity::Error);
    let errors: Vec<_> = errors.map(ToString::to_string).collect();
    if errors.is_empty() { message } else { errors.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_read_as_lima_reads_it() {
        let home = tempfile::tempdir().expect("a directory");
        let config = home.path().join("_config");
        assert_eq!(read(home.path(), Layer::Defaults).expect("absent"), Lima::default());
        fs::create_dir(&config).expect("made");
        let put = |text: &str| fs::write(config.join("default.yaml"), text).expect("written");
        put("");
        assert_eq!(read(home.path(), Layer::Defaults).expect("empty"), Lima::default());
        put("cpus: '3'\nnewKey: 1\n---\ncpus: 4\n");
        assert_eq!(read(home.path(), Layer::Defaults).expect("fine").cpus.map(|n| n.0), Some(3));
        assert_eq!(read(home.path(), Layer::Overrides).expect("absent"), Lima::default());
    }

    #[test]
    fn a_broken_layer_is_shown_with_its_line() {
        let home = tempfile::tempdir().expect("a directory");
        let config = home.path().join("_config");
        fs::create_dir(&config).expect("made");
        for text in ["cpus: 2\nmemory: lots\n", "cpus: 2\nssh: [\n", "cpus: 2\nmessage: \"\u{1}\""]
        {
            fs::write(config.join("override.yaml"), text).expect("written");
            let error = read(home.path(), Layer::Overrides).expect_err(text).to_string();
            assert!(
                error.contains("override.yaml:2:") || error.contains("override.yaml:3:"),
                "{error}"
            );
        }
        fs::write(config.join("override.yaml"), b"a: \xff").expect("written");
        let error = read(home.path(), Layer::Overrides).expect_err("no text").to_string();
        assert!(error.contains("override.yaml:1:4"), "{error}");
        fs::remove_file(config.join("override.yaml")).expect("removed");
        fs::create_dir(config.join("override.yaml")).expect("made");
        let error = read(home.path(), Layer::Overrides).expect_err("a directory");
        assert!(matches!(error, LayerError::Unreadable { .. }) && error.hint().contains("mend"));
    }
}
