//! The workspace's dependency graph, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::Value;

use crate::sh;

/// What one member declares.
#[derive(Default)]
pub struct Member {
    /// Packages it needs to be built, by name.
    pub needs: BTreeSet<String>,
    /// Packages that only its tests need, by name.
    pub tests_need: BTreeSet<String>,
}

/// Members, and the resolved edges among all packages.
pub struct Graph {
    members: BTreeMap<String, Member>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Asks cargo.
    ///
    /// # Errors
    /// cargo fails, or prints something else than it documents.
    pub fn read() -> anyhow::Result<Self> {
        let mut cargo = sh::cargo(&["metadata", "--format-version", "1"]);
        let metadata = serde_json::from_str(&sh::output(&mut cargo)?)?;
        Self::from_metadata(&metadata).context("unexpected output of cargo metadata")
    }

    /// Reads the parsed output of `cargo metadata --format-version 1`.
    pub fn from_metadata(metadata: &Value) -> Option<Self> {
        let mut names = BTreeMap::new();
        let mut graph = Self { members: BTreeMap::new(), edges: BTreeMap::new() };
        let ids: BTreeSet<_> =
            metadata["workspace_members"].as_array()?.iter().filter_map(Value::as_str).collect();
        for package in metadata["packages"].as_array()? {
            let (id, name) = (package["id"].as_str()?, package["name"].as_str()?);
            names.insert(id, name);
            if ids.contains(id) {
                graph.members.insert(name.to_owned(), member(package)?);
            }
        }
        for node in metadata["resolve"]["nodes"].as_array()? {
            let edges =
                graph.edges.entry((*names.get(node["id"].as_str()?)?).to_owned()).or_default();
            for dep in node["deps"].as_array()?.iter().filter(|dep| is_normal(dep)) {
                edges.insert((*names.get(dep["pkg"].as_str()?)?).to_owned());
            }
        }
        Some(graph)
    }

    /// The members by name.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.members.iter().map(|(name, member)| (name.as_str(), member))
    }

    /// A chain of normal dependencies from one package to another, both ends included.
    pub fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut paths = vec![vec![from.to_owned()]];
        let mut seen = BTreeSet::new();
        while let Some(path) = paths.pop() {
            let last = path.last()?;
            if last == to {
                return Some(path);
            }
            if !seen.insert(last.clone()) {
                continue;
            }
            for next in self.edges.get(last).into_iter().flatten() {
                paths.push(path.iter().chain([next]).cloned().collect());
            }
        }
        None
    }
}

fn member(package: &Value) -> Option<Member> {
    let mut member = Member::default();
    for dependency in package["dependencies"].as_array()? {
        let name = dependency["name"].as_str()?.to_owned();
        // null means a normal dependency.
        match dependency["kind"].as_str() {
            Some("dev") => member.tests_need.insert(name),
            _ => member.needs.insert(name),
        };
    }
    Some(member)
}

fn is_normal(dependency: &Value) -> bool {
    dependency["dep_kinds"]
        .as_array()
        .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
}
