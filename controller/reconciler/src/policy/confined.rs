//! What a source's templates may build on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;

use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};

use super::glob::fits_any;
use super::judge::{Denial, quoted, written};
use super::policies::is_repository;
use super::{HostPolicy, Verdict};

/// Hands over only what the templates of a source may build on.
///
/// A template of this host (one of `template:NAME`, or `_config/base.yaml`) may build on files of
/// this host whoever builds on it: its text is the host's own. A manifest of a repository, and
/// what comes from a server, may not. Each text is known by who asked for it.
pub(crate) struct Confined<'a> {
    inner: &'a dyn Fetch,
    policy: &'a HostPolicy,
    repository: bool,
    /// What every template builds on first.
    base: Option<Locator>,
    /// Texts of this host that were handed over.
    own: RefCell<BTreeSet<Locator>>,
    refused: RefCell<Vec<Verdict>>,
    asked: Cell<bool>,
}

impl<'a> Confined<'a> {
    /// Confines what `inner` fetches for a source. `base` is what every template builds on first.
    pub(crate) fn new(
        inner: &'a dyn Fetch,
        source: &str,
        policy: &'a HostPolicy,
        base: Option<PathBuf>,
    ) -> Self {
        Self {
            inner,
            policy,
            repository: is_repository(source),
            base: base.map(Locator::File),
            own: RefCell::default(),
            refused: RefCell::default(),
            asked: Cell::default(),
        }
    }

    /// Whether anything was asked for: what is built depends on it then.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.get()
    }

    /// What was refused since the last time; `why` is the message that it had.
    pub(crate) fn take_refused(&self) -> Vec<Verdict> {
        self.refused.take()
    }

    /// Whether the text at `by`, the host's own or not, may build on something.
    fn check(&self, by: &Locator, locator: &Locator) -> Result<(), FetchError> {
        let of_host = self.base.as_ref() == Some(locator) || self.own.borrow().contains(by);
        if of_host {
            return Ok(());
        }
        let local = matches!(locator, Locator::File(_) | Locator::FileUrl(_) | Locator::Stdin);
        if local && self.repository {
            let why = format!(
                "a manifest of a repository cannot build on {locator}, a file of this host"
            );
            let hint = "use template:, https: or github:, or write it into the manifest";
            return Err(self.refuse("templates.files", locator, why, hint.to_owned()));
        }
        let rules = &self.policy.rules().templates;
        match local {
            true if !rules.files => {
                Err(self.deny("templates.files", locator, "it is a file of this host", "true"))
            }
            false if !fits_any(&rules.locations, &locator.to_string()) => {
                let write = format!("[{}]", quoted(&locator.to_string()));
                let why = "it fits none of its patterns";
                Err(self.deny("templates.locations", locator, why, &write))
            }
            _ => Ok(()),
        }
    }

    fn deny(&self, rule: &str, locator: &Locator, why: &str, write: &str) -> FetchError {
        let place = self.policy.place(rule);
        let message = format!("{locator} is denied by `{rule}` ({place}): {why}");
        let hint = format!("to allow it, write into the policy: {}", written(rule, write));
        self.refuse(rule, locator, message, hint)
    }

    fn refuse(&self, rule: &str, locator: &Locator, why: String, hint: String) -> FetchError {
        let denial = Denial { why: why.clone(), hint: hint.clone() };
        let verdict = Verdict::new(self.policy, rule, "spec.template.base", locator, Some(denial));
        self.refused.borrow_mut().push(verdict);
        FetchError::new(why).hint(hint)
    }
}

impl Fetch for Confined<'_> {
    /// Who asks is not known, so it is nobody of this host.
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        self.fetch_for(&Locator::Stdin, locator)
    }

    fn fetch_for(&self, by: &Locator, locator: &Locator) -> Result<Fetched, FetchError> {
        self.asked.set(true);
        self.check(by, locator)?;
        let fetched = self.inner.fetch_for(by, locator)?;
        let local = matches!(locator, Locator::File(_) | Locator::FileUrl(_));
        let asked_by_own = self.base.as_ref() == Some(locator) || self.own.borrow().contains(by);
        if matches!(locator, Locator::Template(_)) || (local && asked_by_own) {
            self.own.borrow_mut().insert(locator.clone());
        }
        Ok(fetched)
    }
}
