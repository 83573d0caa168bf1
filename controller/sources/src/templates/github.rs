//! `github:` locators to `https:` ones.
//!
//! Git keeps a symbolic link as a file that holds the path, and GitHub serves that: such a file
//! is followed, within its repository. An organisation's own repository may send on to others of
//! the organisation with a file that holds a `github:` locator.

use std::sync::Arc;

use limekiln_api::template::{FetchError, GithubLocator, Locator};
use reqwest::header::{ACCEPT, AUTHORIZATION};

use super::TemplateSettings;
use super::http::{Http, Page};

/// The longest text that may be a link.
const MAX_LINK: usize = 1024;

pub(super) struct Github<'a> {
    pub(super) http: &'a Http,
    pub(super) settings: &'a TemplateSettings,
}

impl Github<'_> {
    /// The URL, or another `github:` locator that this one sends on to.
    pub(super) fn resolve(&self, locator: &GithubLocator) -> Result<Locator, FetchError> {
        let branch = match &locator.reference {
            Some(reference) => reference.clone(),
            None => self.default_branch(locator)?,
        };
        if !is_yaml(&locator.path) {
            return Ok(Locator::Http(self.url(locator, &branch, &locator.path)));
        }
        let url = self.url(locator, &branch, &locator.path);
        let page = self.http.get(&url, &[])?;
        let own = locator.repo == locator.org;
        if page.status == 404 && own {
            return self.redirect_on_default_branch(locator);
        }
        expect_found(&page, &url, locator)?;
        let head = head(&page);
        if own && head.starts_with("github:") {
            return redirect(&head, locator, &url);
        }
        match link(&head) {
            Some(target) => {
                let path = followed(&locator.path, target).ok_or_else(|| {
                    FetchError::new(format!("the link {target:?} at {url} leaves the repository"))
                })?;
                Ok(Locator::Http(self.url(locator, &branch, &path)))
            }
            None => Ok(Locator::Http(url)),
        }
    }

    /// A tag of another repository does not exist in the organisation's own one, whose default
    /// branch says where to look for it.
    fn redirect_on_default_branch(&self, locator: &GithubLocator) -> Result<Locator, FetchError> {
        let branch = self.default_branch(locator)?;
        let url = self.url(locator, &branch, &locator.path);
        let page = self.http.get(&url, &[])?;
        expect_found(&page, &url, locator)?;
        redirect(&head(&page), locator, &url)
    }

    fn url(&self, locator: &GithubLocator, branch: &str, path: &str) -> String {
        let GithubLocator { org, repo, .. } = locator;
        format!("{}/{org}/{repo}/{branch}/{path}", self.settings.github_raw)
    }

    fn default_branch(&self, locator: &GithubLocator) -> Result<String, FetchError> {
        let GithubLocator { org, repo, .. } = locator;
        let url = format!("{}/repos/{org}/{repo}", self.settings.github_api);
        let mut headers = vec![(ACCEPT, "application/vnd.github+json".to_owned())];
        if let Some(token) = &self.settings.github_token {
            headers.push((AUTHORIZATION, format!("token {token}")));
        }
        let page = self.http.get(&url, &headers)?;
        if page.status != 200 {
            return Err(self.refused(&page, org, repo));
        }
        let answer: serde_json::Value = serde_json::from_slice(&page.bytes).map_err(|error| {
            FetchError::new(format!("cannot read GitHub's answer about {org}/{repo}"))
                .because(error)
        })?;
        let branch = answer["default_branch"].as_str().filter(|branch| !branch.is_empty());
        branch
            .map(str::to_owned)
            .ok_or_else(|| FetchError::new(format!("{org}/{repo} has no default branch")))
    }

    fn refused(&self, page: &Arc<Page>, org: &str, repo: &str) -> FetchError {
        let status = page.status;
        let what = format!("cannot ask GitHub for the default branch of {org}/{repo}: ");
        match (status, &self.settings.github_token) {
            (404, _) => FetchError::new(format!("{what}it knows no such repository"))
                .hint("check the name; for a private one set GH_TOKEN"),
            (403 | 429, None) => FetchError::new(format!("{what}it answered {status}"))
                .hint("set GH_TOKEN for a higher limit, or write the branch: …@main"),
            (401, Some(_)) => FetchError::new(format!("{what}it refuses the token"))
                .hint("renew GH_TOKEN or GITHUB_TOKEN, or unset it"),
            _ => FetchError::new(format!("{what}it answered {status}"))
                .hint("write the branch, and it need not be asked: …@main"),
        }
    }
}

fn is_yaml(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.ends_with(".yaml") || lower.ends_with(".yml")
}

fn expect_found(page: &Page, url: &str, locator: &GithubLocator) -> Result<(), FetchError> {
    match page.status {
        200 => Ok(()),
        404 => Err(FetchError::new(format!("there is no {locator}"))
            .hint(format!("nothing is at {url}: check path, branch and permissions"))),
        status => Err(FetchError::new(format!("cannot get {url}: the server answered {status}"))
            .hint("try again later")),
    }
}

fn head(page: &Page) -> String {
    let head = &page.bytes[..page.bytes.len().min(MAX_LINK)];
    String::from_utf8_lossy(head).into_owned()
}

/// One line without a line end, a space or a colon is no YAML that anybody would write.
fn link(head: &str) -> Option<&str> {
    (!head.is_empty() && !head.contains(['\n', ' ', ':'])).then_some(head)
}

/// Where a link leads, if it stays in the repository.
fn followed(path: &str, target: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut steps: Vec<&str> = Vec::new();
    let from_root = target.starts_with('/');
    let folder = if from_root { "" } else { folder };
    for step in folder.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    (!from_root).then(|| steps.join("/"))
}

/// Where an organisation's own repository sends on to: another repository of it, at the same
/// reference.
fn redirect(body: &str, locator: &GithubLocator, url: &str) -> Result<Locator, FetchError> {
    let line = body.lines().next().unwrap_or_default().trim();
    let refuse = |why: &str| FetchError::new(format!("{url} sends on to {line:?}, {why}"));
    let rest = line
        .strip_prefix("github:")
        .filter(|rest| rest.starts_with(&format!("{}/", locator.org)))
        .ok_or_else(|| refuse(&format!("which is not below github:{}/", locator.org)))?;
    if rest.contains('@') {
        return Err(refuse("which must name no branch"));
    }
    let target = match &locator.reference {
        Some(reference) => format!("{rest}@{reference}"),
        None => rest.to_owned(),
    };
    GithubLocator::parse(&target)
        .map(Locator::Github)
        .map_err(|error| refuse(&format!("which leads nowhere: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_in_their_repository() {
        for (path, target, meaning) in [
            ("t/debian.yaml", "debian-13.yaml", Some("t/debian-13.yaml")),
            ("t/a/x.yaml", "../y.yaml", Some("t/y.yaml")),
            ("x.yaml", "./a/../y.yaml", Some("y.yaml")),
            ("x.yaml", "../y.yaml", None),
            ("t/x.yaml", "a/../../../y", None),
            ("t/x.yaml", "/etc/passwd", None),
        ] {
            assert_eq!(followed(path, target).as_deref(), meaning, "{path} -> {target}");
        }
    }

    #[test]
    fn yaml_is_no_link() {
        assert_eq!(link("debian-13.yaml"), Some("debian-13.yaml"));
        for text in ["", "images:", "a b", "debian-13.yaml\n"] {
            assert_eq!(link(text), None, "{text:?}");
        }
    }
}
