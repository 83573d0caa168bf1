//! Where `template:NAME` is looked for.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use limekiln_api::template::{FetchError, Fetched};

use super::TemplateSettings;
use super::builtin;
use super::file;
use super::settings::has_entries;

/// The deepest folder that templates are listed from.
const MAX_DEPTH: usize = 8;

/// One place of templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder; it need not exist.
    Folder(PathBuf),
    /// In this program.
    BuiltIn,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::BuiltIn => f.write_str("built-in"),
        }
    }
}

/// A template that `template:NAME` leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// Its file, or `built-in`.
    pub location: String,
}

/// The places, in their order: the first one that has a template decides.
#[derive(Debug)]
pub(super) struct SearchPath(Vec<Place>);

impl SearchPath {
    /// Lima's order, and what is built in last.
    pub(super) fn new(settings: &TemplateSettings) -> Self {
        if let Some(path) = &settings.templates_path {
            return Self(env::split_paths(path).map(Place::Folder).collect());
        }
        let shares = settings.program_dirs().into_iter().filter_map(|dir| {
            let share = dir.parent()?.join("share/lima");
            has_entries(&share).then(|| Place::Folder(share.join("templates")))
        });
        let own = Place::Folder(settings.lima_home.join("_templates"));
        Self([own].into_iter().chain(shares).chain([Place::BuiltIn]).collect())
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.0
    }

    /// The text of a template or of a script beside one.
    pub(super) fn read(&self, name: &str) -> Result<Fetched, FetchError> {
        let file_name = file_name(name);
        for place in &self.0 {
            match place {
                Place::Folder(dir) if exists(&dir.join(&file_name)) => {
                    return file::read(&dir.join(&file_name));
                }
                Place::Folder(_) => {}
                Place::BuiltIn => {
                    if let Some(text) = builtin::text(&file_name) {
                        let bytes = text.as_bytes().to_vec();
                        return Ok(Fetched { bytes, place: format!("template:{name}") });
                    }
                }
            }
        }
        Err(self.missing(name))
    }

    fn missing(&self, name: &str) -> FetchError {
        let error = FetchError::new(format!("there is no template {name:?}"));
        match nearest(name, self.list().iter().map(|listed| listed.name.as_str())) {
            Some(near) => error.hint(format!("did you mean template:{near}?")),
            None => error.hint("`limekiln template list` names them all"),
        }
    }

    /// All templates by name, each where it is found first.
    pub(super) fn list(&self) -> Vec<Listed> {
        let mut found = BTreeMap::new();
        for place in &self.0 {
            match place {
                Place::Folder(dir) => walk(dir, "", 0, &mut found),
                Place::BuiltIn => {
                    for name in builtin::names() {
                        found.entry(name.to_owned()).or_insert_with(|| place.to_string());
                    }
                }
            }
        }
        found.into_iter().map(|(name, location)| Listed { name, location }).collect()
    }
}

/// What cannot be looked at is there, so that reading it says why.
fn exists(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// `.yaml` is added to a name without an ending; `-24.04` is none.
fn file_name(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let ending = last.rsplit_once('.').map_or("", |(_, ending)| ending);
    let written = !ending.is_empty() && !ending.starts_with(|c: char| c.is_ascii_digit());
    if written { name.to_owned() } else { format!("{name}.yaml") }
}

/// Adds what a folder and those below it hold; hidden ones are left out.
fn walk(dir: &Path, prefix: &str, depth: usize, found: &mut BTreeMap<String, String>) {
    // A place that does not exist or cannot be read has no templates.
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && depth < MAX_DEPTH {
            walk(&path, &format!("{prefix}{name}/"), depth + 1, found);
        } else if let Some(stem) = name.strip_suffix(".yaml").filter(|_| path.is_file()) {
            let location = || path.display().to_string();
            found.entry(format!("{prefix}{stem}")).or_insert_with(location);
        }
    }
}

/// The one that was probably meant.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_no_ending() {
        for (name, file) in [
            ("debian", "debian.yaml"),
            ("ubuntu-24.04", "ubuntu-24.04.yaml"),
            ("x.sh", "x.sh"),
            ("a.b/c", "a.b/c.yaml"),
            ("x.", "x..yaml"),
            ("x.yaml", "x.yaml"),
        ] {
            assert_eq!(file_name(name), file);
        }
    }
}
