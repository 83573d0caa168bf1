//! Formats of files.

use std::path::Path;

use jaq_fmts::read;
use jaq_fmts::write::{self, json::Pp};
use jaq_json::Val;

use crate::{YqError, ini};

/// A format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML, several documents included.
    Yaml,
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// `key = value` in `[sections]`, as systemd has them.
    Ini,
}

impl Format {
    /// The format of Lima's name. `auto` goes by the file's name, and is YAML where that tells none.
    ///
    /// # Errors
    /// There is no such format here.
    pub fn new(word: &str, path: &Path) -> Result<Self, YqError> {
        if word != "auto" && !word.is_empty() {
            return Self::of_word(word).ok_or_else(|| YqError::Format(word.to_owned()));
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            // Formats of yq's; YAML would be made of them otherwise.
            Some(other @ ("csv" | "tsv" | "xml" | "properties" | "lua" | "hcl" | "tf")) => {
                Err(YqError::Format(other.to_owned()))
            }
            other => Ok(other.and_then(Self::of_word).unwrap_or(Self::Yaml)),
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        match word {
            "yaml" | "yml" | "y" => Some(Self::Yaml),
            "json" | "j" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            "ini" | "i" => Some(Self::Ini),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Yaml => "YAML",
            Self::Json => "JSON",
            Self::Toml => "TOML",
            Self::Ini => "INI",
        }
    }

    /// The documents in a text; an empty text is one that holds null.
    pub(crate) fn read(self, text: &str) -> Result<Vec<Val>, YqError> {
        let failed = |reason: String| YqError::Read { format: self.word(), reason };
        let all: Result<Vec<Val>, String> = match self {
            Self::Yaml => {
                let all = read::yaml::parse_many(text);
                all.map(|one| one.map_err(|error| error.to_string())).collect()
            }
            Self::Json => {
                let all = read::json::parse_many(text.as_bytes());
                all.map(|one| one.map_err(|error| error.to_string())).collect()
            }
            Self::Toml => {
                let one = read::toml::parse(text).map_err(|error| error.to_string());
                one.map(|one| vec![one])
            }
            Self::Ini => ini::read(text).map(|one| vec![one]),
        };
        let all = all.map_err(failed)?;
        Ok(if all.is_empty() { vec![Val::Null] } else { all })
    }

    /// The text of documents.
    pub(crate) fn write(self, documents: &[Val]) -> Result<Vec<u8>, YqError> {
        let failed = |reason: String| YqError::Write { format: self.word(), reason };
        let mut text = Vec::new();
        let layout = Pp { indent: Some("  ".to_owned()), sep_space: true, ..Pp::default() };
        for (index, document) in documents.iter().enumerate() {
            let written = match self {
                Self::Yaml => {
                    if index > 0 {
                        text.extend_from_slice(b"---\n");
                    }
                    write::yaml::write(&mut text, &layout, 0, document)
                }
                Self::Json => write::json::write(&mut text, &layout, 0, document),
                Self::Toml => {
                    let root = write::toml::Root::try_from(document);
                    text.extend(
                        root.map_err(|error| failed(error.to_string()))?.to_string().bytes(),
                    );
                    Ok(())
                }
                Self::Ini => {
                    text.extend(ini::write(document).map_err(failed)?.bytes());
                    Ok(())
                }
            };
            written.map_err(|error| failed(error.to_string()))?;
            if text.last().is_some_and(|&last| last != b'\n') {
                text.push(b'\n');
            }
        }
        Ok(text)
    }
}
