//! Which source is under which policy.

use std::collections::BTreeMap;

use super::HostPolicy;

/// What the identities of repositories begin with.
const REPOSITORY: &str = "git:";

/// The policies of all sources.
///
/// ```
/// use limekiln_reconciler::policy::Policies;
///
/// let policies = Policies::default();
/// assert_eq!(policies.of("/home/alice/vms").name(), "open policy");
/// assert_eq!(policies.of("git:team").name(), "closed policy");
/// ```
#[derive(Clone, Debug)]
pub struct Policies {
    directories: HostPolicy,
    repositories: HostPolicy,
    named: BTreeMap<String, HostPolicy>,
}

/// Directories of this host may do everything, repositories only what stays in their guests.
impl Default for Policies {
    fn default() -> Self {
        Self {
            directories: HostPolicy::open(),
            repositories: HostPolicy::closed(),
            named: BTreeMap::new(),
        }
    }
}

impl Policies {
    /// One policy for all.
    pub fn all(policy: HostPolicy) -> Self {
        Self { directories: policy.clone(), repositories: policy, named: BTreeMap::new() }
    }

    /// The same with a policy for one source, by its identity: `git:NAME`, or a canonical path.
    #[must_use]
    pub fn with(mut self, source: impl Into<String>, policy: HostPolicy) -> Self {
        self.named.insert(source.into(), policy);
        self
    }

    /// The policy of a source.
    pub fn of(&self, source: &str) -> &HostPolicy {
        match self.named.get(source) {
            Some(policy) => policy,
            None if is_repository(source) => &self.repositories,
            None => &self.directories,
        }
    }

    /// Whether any allows so much of all objects of a source together, so that it matters what there
    /// is.
    pub fn have_totals(&self) -> bool {
        let all = self.named.values().chain([&self.directories, &self.repositories]);
        all.into_iter().any(|policy| policy.rules().quotas.has_totals())
    }

    /// How many objects of each of these sources one pass may delete, where its policy says so.
    pub fn prune_budgets<'a>(
        &self,
        sources: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, usize> {
        let budget =
            |source: &'a str| Some((source.to_owned(), self.of(source).rules().prune_budget?));
        sources.filter_map(budget).collect()
    }
}

/// Whether a source is a repository: its files are not files of this host.
pub(super) fn is_repository(source: &str) -> bool {
    source.starts_with(REPOSITORY)
}
