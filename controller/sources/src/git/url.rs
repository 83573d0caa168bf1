//! Where a repository is, in a form that git cannot take for anything else.

use std::path::{Path, PathBuf};

use super::GitError;

/// A checked address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// For git.
    pub(super) given: String,
    /// For messages: without the user's name, which some services take for a password.
    pub(super) shown: String,
    /// The path, if it is on this host.
    pub(super) local: Option<PathBuf>,
}

impl Url {
    /// # Errors
    /// It is of a kind that is not fetched, or git could take it for an option or a command.
    pub(super) fn parse(text: &str) -> Result<Self, GitError> {
        let refuse = |reason| GitError::Url { url: redacted(text), reason };
        if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
            return Err(refuse("it is empty, begins with a dash or has control characters"));
        }
        if is_helper(text) {
            return Err(refuse("remote helpers, which run commands, are not used"));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => Self::with_scheme(text, scheme, rest).map_err(refuse),
            None if text.starts_with('/') => Ok(Self::local(text, Path::new(text))),
            None => Self::scp_like(text).map_err(refuse),
        }
    }

    /// What a program said of it, without what is not shown.
    pub(super) fn hide(&self, text: String) -> String {
        match self.given.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest)) {
            Some(authority) if self.given != self.shown => match authority.rsplit_once('@') {
                Some((user, host)) => text.replace(&format!("{user}@{host}"), host),
                None => text,
            },
            _ => text,
        }
    }

    fn local(given: &str, path: &Path) -> Self {
        Self { given: given.to_owned(), shown: given.to_owned(), local: Some(path.to_owned()) }
    }

    fn with_scheme(text: &str, scheme: &str, rest: &str) -> Result<Self, &'static str> {
        let remote = || Self { given: text.to_owned(), shown: redacted(text), local: None };
        let authority = rest.split('/').next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        match scheme {
            "file" if rest.starts_with('/') => Ok(Self::local(text, Path::new(rest))),
            "file" => Err("a file URL has three slashes: file:///path"),
            "https" | "ssh" if host.is_empty() || host.starts_with('-') => Err("it has no host"),
            "https" | "ssh" if user.contains(':') => {
                Err("passwords belong to git's credential helper, not into a URL that is shown")
            }
            "https" => Ok(remote()),
            "ssh" if user.starts_with('-') => Err("the user begins with a dash"),
            "ssh" => Ok(Self { shown: text.to_owned(), ..remote() }),
            "http" | "git" => Err("anybody on the way could change what is sent; use https or ssh"),
            _ => Err("only https, ssh and file are fetched"),
        }
    }

    /// `user@host:path`, as git reads it: the colon comes before the first slash.
    fn scp_like(text: &str) -> Result<Self, &'static str> {
        let (place, path) = text.split_once(':').ok_or(RELATIVE)?;
        if place.contains('/') {
            return Err(RELATIVE);
        }
        let host = place.rsplit('@').next().unwrap_or_default();
        if host.is_empty() || host.starts_with('-') || place.starts_with('-') || path.is_empty() {
            return Err("it has no host or no path");
        }
        Ok(Self { given: text.to_owned(), shown: text.to_owned(), local: None })
    }
}

const RELATIVE: &str = "a path must be absolute; a URL begins with https://, ssh:// or file://";

/// `ext::sh -c …` and its like, gitremote-helpers(7).
fn is_helper(text: &str) -> bool {
    let name = text.split("::").next().unwrap_or_default();
    name.len() < text.len() && name.chars().all(|char| char.is_ascii_alphanumeric())
}

fn redacted(text: &str) -> String {
    let clean: String =
        text.chars().map(|char| if char.is_control() { '?' } else { char }).collect();
    let Some((scheme, rest)) = clean.split_once("://") else { return clean };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_something_or_be_read_on_the_way_is_refused() {
        for good in [
            "/srv/vms.git",
            "file:///srv/vms",
            "https://example.com/a/b.git",
            "https://me@example.com/a",
            "ssh://git@example.com:2222/~/a",
            "git@example.com:team/vms.git",
            "host:vms",
        ] {
            assert!(Url::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=touch /tmp/x",
            "ext::sh -c id",
            "fd::3",
            "transport::https://x/y",
            "http://example.com/x",
            "git://example.com/x",
            "ftp://example.com/x",
            "ssh://-oProxyCommand=id/x",
            "ssh://-l@host/x",
            "-oProxyCommand=id:x",
            "user@-oProxyCommand=id:x",
            "https:///x",
            "file://host/x",
            "vms",
            "./vms",
            "a/b:c",
            "https://a.example/x\n",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let error = Url::parse("https://me:hunter2@example.com/x").expect_err("a password");
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
        let token = Url::parse("https://t0ken@example.com/x").expect("a user");
        assert_eq!((&*token.shown, token.given.contains("t0ken")), ("https://example.com/x", true));
        let said = "fatal: could not read Password for 'https://t0ken@example.com'".to_owned();
        assert!(!token.hide(said).contains("t0ken"));
    }
}
