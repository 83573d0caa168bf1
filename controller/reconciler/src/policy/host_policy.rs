//! One policy, and where its rules are written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use limekiln_api::{Diagnostic, Settings, parse_settings};

use super::PolicyRules;

/// One policy.
#[derive(Clone, Debug)]
pub struct HostPolicy {
    rules: PolicyRules,
    /// What messages call it: `closed policy`, or its file.
    name: String,
    written: Option<Settings<PolicyRules>>,
    allows_all: bool,
}

/// A policy file that cannot be used. Nothing is applied then: no policy is no permission.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is not there, or cannot be read.
    #[error("cannot read the policy {path}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("the policy {path} is wrong", path = .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// All that is wrong, by line.
        diagnostics: Vec<Diagnostic>,
    },
}

impl HostPolicy {
    /// Allows everything: for what the host's user wrote.
    pub fn open() -> Self {
        Self::built_in("open policy", PolicyRules::open())
    }

    /// Allows nothing that reaches out of the guest: for what others write.
    pub fn closed() -> Self {
        Self::built_in("closed policy", PolicyRules::default())
    }

    fn built_in(name: &str, rules: PolicyRules) -> Self {
        let allows_all = rules == PolicyRules::open();
        Self { rules, name: name.to_owned(), written: None, allows_all }
    }

    /// Reads a policy file. What it does not say is as in the closed policy.
    ///
    /// # Errors
    /// If it cannot be read, or anything in it is wrong.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let bytes =
            fs::read(path).map_err(|source| PolicyError::Io { path: path.to_owned(), source })?;
        Self::parse(&bytes, path)
    }

    /// The same from bytes; `path` is for messages.
    ///
    /// # Errors
    /// If anything in it is wrong.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, PolicyError> {
        let written: Settings<PolicyRules> = parse_settings(bytes, path)
            .map_err(|diagnostics| PolicyError::Wrong { path: path.to_owned(), diagnostics })?;
        let rules = written.value.clone();
        let allows_all = rules == PolicyRules::open();
        let name = path.display().to_string();
        Ok(Self { rules, name, written: Some(written), allows_all })
    }

    /// Its rules, with all defaults.
    pub fn rules(&self) -> &PolicyRules {
        &self.rules
    }

    /// What messages call it: `open policy`, `closed policy`, or its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether nothing can be denied, so that nobody needs to ask.
    pub fn allows_all(&self) -> bool {
        self.allows_all
    }

    /// Where a rule is written: `FILE:LINE`; the policy's name where the rule has its default.
    pub fn place(&self, rule: &str) -> String {
        match self.written.as_ref().and_then(|written| written.line(rule)) {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }
}
