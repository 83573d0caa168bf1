//! Where a template or a script is.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::GithubLocator;

/// Where a template or a script is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locator {
    /// `template:NAME`: in the template store. The name has no extension unless it was written.
    Template(String),
    /// A path.
    File(PathBuf),
    /// `file://` and an absolute path: like any scheme, a plugin may know it better.
    FileUrl(PathBuf),
    /// An `http://` or `https://` URL.
    Http(String),
    /// `github:ORG[/REPO[/PATH]][@REF]`.
    Github(GithubLocator),
    /// Any other scheme: a `limactl-url-SCHEME` plugin knows what it leads to.
    Plugin {
        /// The scheme, in lower case.
        scheme: String,
        /// What follows the scheme's colon.
        rest: String,
    },
    /// `-`: standard input.
    Stdin,
}

/// A text that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocatorError {
    /// Nothing was written.
    #[error("the locator is empty")]
    Empty,
    /// A relative locator must stay below the template that holds it, as in Lima.
    #[error("the relative locator {0:?} must not contain `..`")]
    Escapes(String),
    /// `file://` needs an absolute path.
    #[error("{0:?} needs an absolute path after file://")]
    RelativeFile(String),
    /// A name of a template that cannot be one.
    #[error("{0:?} is not the name of a template")]
    Name(String),
    /// `~bob/x`.
    #[error("another user's home cannot be expanded: {0:?}")]
    Home(String),
    /// What follows `github:` is not a repository or leaves it.
    #[error("{text:?} is not github:ORG[/REPO[/PATH]][@REF]: {why}")]
    Github {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Locator {
    /// The locator of a manifest's file; `-` is standard input.
    pub fn of_file(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Reads a locator that a user wrote: paths are relative to the working directory.
    ///
    /// # Errors
    /// If it leads nowhere.
    pub fn parse(text: &str, home: &Path) -> Result<Self, LocatorError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        match Self::absolute(text, home)? {
            Some(locator) => Ok(locator),
            None => Ok(Self::File(text.into())),
        }
    }

    /// Reads a locator that stands in the template at `self`: a path is relative to that.
    ///
    /// # Errors
    /// If it leads nowhere, or out of the folder that the template is in.
    pub fn resolve(&self, text: &str, home: &Path) -> Result<Self, LocatorError> {
        match Self::absolute(text, home)? {
            Some(locator) => Ok(locator),
            None if text.contains("../") || text.contains("..\\") || text == ".." => {
                Err(LocatorError::Escapes(text.to_owned()))
            }
            None => self.beside(text),
        }
    }

    /// A locator that means the same wherever it stands, if it is one.
    fn absolute(text: &str, home: &Path) -> Result<Option<Self>, LocatorError> {
        if text.is_empty() {
            return Err(LocatorError::Empty);
        }
        if let Some((scheme, rest)) = split_scheme(text) {
            return Self::with_scheme(&scheme, rest, text).map(Some);
        }
        match text.strip_prefix('~') {
            Some("") => Ok(Some(Self::File(home.to_owned()))),
            Some(rest) if rest.starts_with('/') => {
                Ok(Some(Self::File(home.join(rest.trim_start_matches('/')))))
            }
            Some(_) => Err(LocatorError::Home(text.to_owned())),
            None if text.starts_with('/') => Ok(Some(Self::File(clean(Path::new(text))))),
            None => Ok(None),
        }
    }

    fn with_scheme(scheme: &str, rest: &str, text: &str) -> Result<Self, LocatorError> {
        match scheme {
            // `template://NAME` is the older form.
            "template" => template_name(rest.strip_prefix("//").unwrap_or(rest), text),
            "http" | "https" => Ok(Self::Http(text.to_owned())),
            "file" => match rest.strip_prefix("//").filter(|path| path.starts_with('/')) {
                Some(path) => Ok(Self::FileUrl(path.into())),
                None => Err(LocatorError::RelativeFile(text.to_owned())),
            },
            "github" => GithubLocator::parse(rest).map(Self::Github),
            _ => Ok(Self::Plugin { scheme: scheme.to_owned(), rest: rest.to_owned() }),
        }
    }

    /// A relative path in the folder of `self`.
    fn beside(&self, relative: &str) -> Result<Self, LocatorError> {
        Ok(match self {
            Self::Template(name) => {
                return template_name(&join(folder(name), relative), relative);
            }
            Self::File(path) => Self::File(beside_path(path, relative)),
            Self::FileUrl(path) => Self::FileUrl(beside_path(path, relative)),
            Self::Http(url) => Self::Http(beside_url(url, relative)),
            // Put together as text, as by Lima: an `@` may mean a reference.
            Self::Github(github) => {
                let text = github.beside(relative).to_string();
                let rest = text.strip_prefix("github:").unwrap_or(&text);
                Self::Github(GithubLocator::parse(rest)?)
            }
            Self::Plugin { scheme, rest } => {
                let rest = join(folder(rest), relative);
                Self::Plugin { scheme: scheme.clone(), rest }
            }
            // Lima reads them from the working directory.
            Self::Stdin => Self::File(unmistakable(relative.into())),
        })
    }

    /// Whether it leads off this host.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Github(_) | Self::Plugin { .. })
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(name) => write!(f, "template:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::FileUrl(path) => write!(f, "file://{}", path.display()),
            Self::Http(url) => f.write_str(url),
            Self::Github(github) => github.fmt(f),
            Self::Plugin { scheme, rest } => write!(f, "{scheme}:{rest}"),
            Self::Stdin => f.write_str("-"),
        }
    }
}

/// The scheme in lower case and what follows its colon. One letter is a drive of Windows, as in
/// Lima.
fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let letters = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (scheme.len() > 1 && letters).then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Names may have slashes and may not leave the store.
fn template_name(name: &str, text: &str) -> Result<Locator, LocatorError> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !plain {
        return Err(LocatorError::Name(text.to_owned()));
    }
    Ok(Locator::Template(name.to_owned()))
}

/// What comes before the last slash, without it.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, relative: &str) -> String {
    let relative = relative.trim_start_matches("./");
    if folder.is_empty() { relative.to_owned() } else { format!("{folder}/{relative}") }
}

/// A path in the folder of another one.
fn beside_path(path: &Path, relative: &str) -> PathBuf {
    unmistakable(clean(&path.parent().unwrap_or(path).join(relative)))
}

/// The path in a form that nobody takes for another kind of locator.
fn unmistakable(path: PathBuf) -> PathBuf {
    let text = path.to_string_lossy();
    let other = text.is_empty() || text == "-" || text.starts_with('~');
    if other || split_scheme(&text).is_some() { Path::new(".").join(path) } else { path }
}

/// A URL in the folder of another one, whose query and fragment go.
fn beside_url(url: &str, relative: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or(url);
    let host = plain.find("://").map_or(0, |at| at + 3);
    let folder = match plain[host..].rfind('/') {
        Some(slash) => &plain[..host + slash],
        None => plain,
    };
    join(folder, relative)
}

/// The path without `.` steps.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts with all that means something in locators.
    fn text() -> impl Strategy<Value = String> {
        let starts = [
            "",
            "",
            "./",
            "/",
            "~",
            "~/",
            "-",
            "template:",
            "template://",
            "file://",
            "file:///",
            "https://h/",
            "HTTP://h",
            "github:",
            "github:o/r/",
            "s3:",
            "C:",
            "..",
        ];
        let rest = "([ab./~@#?:_ -]|\\.\\./|yaml|https:){0,8}";
        (proptest::sample::select(starts.to_vec()), rest)
            .prop_map(|(start, rest)| start.to_owned() + &rest)
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(text in text(), relative in text()) {
            let home = Path::new("/home/alice");
            let Ok(locator) = Locator::parse(&text, home) else { return Ok(()) };
            prop_assert_eq!(Locator::parse(&locator.to_string(), home), Ok(locator.clone()));
            let Ok(inner) = locator.resolve(&relative, home) else { return Ok(()) };
            prop_assert_eq!(Locator::parse(&inner.to_string(), home), Ok(inner.clone()), "{}", relative);
        }
    }

    fn parsed(text: &str) -> String {
        match Locator::parse(text, Path::new("/home/alice")) {
            Ok(locator) => format!("{locator:?} {locator}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_users_write_is_understood() {
        for (text, meaning) in [
            ("template:debian", "Template(\"debian\") template:debian"),
            ("template://debian", "Template(\"debian\") template:debian"),
            (
                "template:_images/debian-12",
                "Template(\"_images/debian-12\") template:_images/debian-12",
            ),
            ("-", "Stdin -"),
            ("./a.yaml", "File(\"./a.yaml\") ./a.yaml"),
            ("/a/./b.yaml", "File(\"/a/b.yaml\") /a/b.yaml"),
            ("~/b.yaml", "File(\"/home/alice/b.yaml\") /home/alice/b.yaml"),
            ("file:///a/b.yaml", "FileUrl(\"/a/b.yaml\") file:///a/b.yaml"),
            ("HTTPS://x/y", "Http(\"HTTPS://x/y\") HTTPS://x/y"),
            ("S3://b/k", "Plugin { scheme: \"s3\", rest: \"//b/k\" } s3://b/k"),
            ("c:/x.yaml", "File(\"c:/x.yaml\") c:/x.yaml"),
        ] {
            assert_eq!(parsed(text), meaning, "{text}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in [
            "",
            "template:",
            "template:../x",
            "template:/etc/passwd",
            "file://x",
            "file:x",
            "~bob/x",
        ] {
            let result = Locator::parse(text, Path::new("/home/alice"));
            assert!(result.is_err(), "{text} gives {result:?}");
        }
    }

    #[test]
    fn relative_locators_are_relative_to_their_template() {
        for (template, relative, meaning) in [
            ("template:k8s", "scripts/a.sh", "template:scripts/a.sh"),
            ("template:x/k8s", "a.sh", "template:x/a.sh"),
            ("/t/k8s.yaml", "./a.sh", "/t/a.sh"),
            ("m/k8s.yaml", "b/a.sh", "m/b/a.sh"),
            ("https://h/t/k8s.yaml?x=/y#z", "a.sh", "https://h/t/a.sh"),
            ("https://h", "a.sh", "https://h/a.sh"),
            ("github:o/r/t/x@v1", "a", "github:o/r/t/a.yaml@v1"),
            ("s3://b/k.yaml", "a.sh", "s3://b/a.sh"),
            ("-", "a.sh", "a.sh"),
            ("/t/k8s.yaml", "template:debian", "template:debian"),
            ("/t/k8s.yaml", "~/x", "/home/alice/x"),
            ("k8s.yaml", "./-", "./-"),
            ("k8s.yaml", "./~x", "./~x"),
            ("k8s.yaml", "./s3:x", "./s3:x"),
        ] {
            let home = Path::new("/home/alice");
            let template = Locator::parse(template, home).expect(template);
            assert_eq!(template.resolve(relative, home).expect(relative).to_string(), meaning);
        }
        let template = Locator::File("/t/x.yaml".into());
        for text in ["../x", "a/../../x", "..", "a\\..\\x"] {
            assert_eq!(
                template.resolve(text, Path::new("/")),
                Err(LocatorError::Escapes(text.to_owned()))
            );
        }
    }
}
