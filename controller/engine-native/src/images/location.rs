//! Where an image is.

use std::path::{Path, PathBuf};

use super::ImageError;

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// On a server.
    Url(String),
    /// On this host. Never cached.
    File(PathBuf),
}

impl Location {
    /// Reads a template's `location`; `~` is `home`.
    pub(super) fn parse(text: &str, home: &Path) -> Result<Self, ImageError> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Self::Url(text.to_owned()));
        }
        if let Some(path) = text.strip_prefix("file://") {
            return if path.starts_with('/') {
                Ok(Self::File(path.into()))
            } else {
                Err(ImageError::Location(text.to_owned()))
            };
        }
        if text.contains("://") {
            return Err(ImageError::Location(text.to_owned()));
        }
        match text.strip_prefix("~/") {
            Some(rest) => Ok(Self::File(home.join(rest))),
            None => Ok(Self::File(
                std::path::absolute(text)
                    .map_err(|source| ImageError::Local { path: text.into(), source })?,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_urls_or_paths() {
        let parse = |text: &str| Location::parse(text, Path::new("/home/a"));
        assert_eq!(parse("https://x/y").expect("a url"), Location::Url("https://x/y".into()));
        assert_eq!(parse("file:///x/y").expect("a path"), Location::File("/x/y".into()));
        assert_eq!(parse("~/x").expect("a path"), Location::File("/home/a/x".into()));
        assert_eq!(parse("/x").expect("a path"), Location::File("/x".into()));
        assert!(parse("ftp://x").is_err() && parse("file://x").is_err());
    }
}
