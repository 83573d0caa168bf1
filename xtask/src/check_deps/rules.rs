//! The rules themselves: which member may depend on which, and what never enters the pure core.

use super::graph::Graph;

/// A member, what it may depend on, and what its tests may use besides.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Members that aren't here are an error. Names are without the `limekiln-` prefix.
const TABLE: &[Row] = &[
    ("api", &[], &[]),
    ("model", &["api"], &[]),
    ("proto", &[], &[]),
    ("dns", &[], &[]),
    ("yq", &[], &[]),
    ("guestagent", &["proto", "yq"], &[]),
    // The planner's promises are stated as "converges on the simulated engine".
    ("planner", &["api", "model"], &["engine", "engine-sim", "executor", "testkit"]),
    ("engine", &["api", "model"], &["engine-sim", "testkit"]),
    ("engine-sim", &["api", "engine", "model"], &["testkit"]),
    ("hostagent", &["api", "dns", "model", "proto"], &["guestagent", "testkit"]),
    ("engine-native", &["api", "engine", "model", "hostagent", "yq"], &["engine-sim", "testkit"]),
    ("usernet", &["dns", "model", "proto"], &["api"]),
    ("sources", &["api"], &["testkit"]),
    ("executor", &["model", "engine"], &["api", "engine-sim", "testkit"]),
    (
        "reconciler",
        &["api", "model", "planner", "sources", "engine", "executor"],
        &["engine-sim", "testkit"],
    ),
    ("simulation", &["api", "model", "engine", "engine-sim", "sources", "reconciler"], &[]),
    (
        "server",
        &["api", "model", "proto", "reconciler"],
        &["engine", "engine-sim", "sources", "testkit"],
    ),
    (
        "cli",
        &[
            "api",
            "model",
            "planner",
            "engine",
            "engine-native",
            "engine-sim",
            "guestagent",
            "hostagent",
            "sources",
            "usernet",
            "executor",
            "reconciler",
            "proto",
            "server",
            "yq",
        ],
        &["testkit"],
    ),
    ("testkit", &["api", "model", "engine", "engine-sim"], &[]),
    (
        "tests",
        &[
            "api",
            "model",
            "planner",
            "engine",
            "engine-sim",
            "sources",
            "executor",
            "reconciler",
            "testkit",
        ],
        &[
            "api",
            "model",
            "planner",
            "engine",
            "engine-sim",
            "engine-native",
            "hostagent",
            "sources",
            "executor",
            "reconciler",
            "testkit",
            "cli",
        ],
    ),
    ("xtask", &["api", "model", "planner", "engine", "engine-sim"], &["testkit"]),
];

/// Packages that the pure core never reaches, even through others: they bring in a runtime, a
/// network, or processes, and with them clocks and input the planner must not see.
const IMPURE: &[&str] = &["tokio", "tonic", "hyper", "reqwest", "async-std", "smol", "notify"];
const PURE: &[&str] = &["api", "model", "planner"];

/// One line per broken rule, with the edge that breaks it.
pub fn check(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, member) in graph.members() {
        let Some((_, may, tests_may)) = TABLE.iter().find(|(row, ..)| *row == short(name)) else {
            broken.push(format!("{name} is not in the table: say what it may depend on"));
            continue;
        };
        for dependency in member.needs.iter().filter(|name| ours(graph, name)) {
            if !may.contains(&short(dependency)) {
                broken.push(format!("{name} -> {dependency}: not allowed"));
            }
        }
        for dependency in member.tests_need.iter().filter(|name| ours(graph, name)) {
            if !may.contains(&short(dependency)) && !tests_may.contains(&short(dependency)) {
                broken.push(format!("{name} -> {dependency}: not allowed, not in tests either"));
            }
        }
        if PURE.contains(&short(name)) {
            broken.extend(impure(graph, name));
        }
    }
    broken
}

fn impure(graph: &Graph, name: &str) -> Vec<String> {
    IMPURE
        .iter()
        .filter_map(|banned| graph.path(name, banned))
        .map(|path| format!("{}: not allowed in the pure core", path.join(" -> ")))
        .collect()
}

fn ours(graph: &Graph, name: &str) -> bool {
    graph.members().any(|(member, _)| member == name)
}

fn short(name: &str) -> &str {
    name.strip_prefix("limekiln-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Graph, check};

    /// A workspace with these members and edges: (from, to, kind).
    fn graph(members: &[&str], edges: &[(&str, &str, Option<&str>)]) -> Graph {
        let mut names: Vec<&str> = members.to_vec();
        names.extend(edges.iter().map(|(_, to, _)| *to));
        names.sort_unstable();
        names.dedup();
        let of =
            |name: &str| edges.iter().filter(move |(from, ..)| *from == name).collect::<Vec<_>>();
        let packages: Vec<Value> = names
            .iter()
            .map(|name| {
                let list: Vec<_> = of(name)
                    .iter()
                    .map(|(_, to, kind)| json!({"name": to, "kind": kind}))
                    .collect();
                json!({"id": name, "name": name, "dependencies": list})
            })
            .collect();
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let deps: Vec<_> = of(name)
                    .iter()
                    .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                    .collect();
                json!({"id": name, "deps": deps})
            })
            .collect();
        let metadata = json!({"workspace_members": members, "packages": packages, "resolve": {"nodes": nodes}});
        Graph::from_metadata(&metadata).unwrap()
    }

    #[test]
    fn allowed_edges_pass() {
        let graph = graph(
            &["limekiln-api", "limekiln-model", "limekiln-executor", "limekiln-engine-sim"],
            &[
                ("limekiln-model", "limekiln-api", None),
                ("limekiln-executor", "limekiln-model", None),
                ("limekiln-executor", "tokio", None),
                ("limekiln-executor", "limekiln-engine-sim", Some("dev")),
            ],
        );
        assert_eq!(check(&graph), Vec::<String>::new());
    }

    #[test]
    fn each_rule_names_the_edge_that_breaks_it() {
        let graph = graph(
            &[
                "limekiln-planner",
                "limekiln-executor",
                "limekiln-engine-sim",
                "limekiln-model",
                "limekiln-new",
            ],
            &[
                ("limekiln-planner", "limekiln-executor", None),
                ("limekiln-executor", "limekiln-engine-sim", None),
                ("limekiln-model", "helper", None),
                ("helper", "tokio", None),
            ],
        );
        let broken = check(&graph);
        for line in [
            "limekiln-planner -> limekiln-executor: not allowed",
            "limekiln-executor -> limekiln-engine-sim: not allowed",
            "limekiln-model -> helper -> tokio: not allowed in the pure core",
            "limekiln-new is not in the table: say what it may depend on",
        ] {
            assert!(broken.iter().any(|other| other == line), "{line} missing in {broken:#?}");
        }
        assert_eq!(broken.len(), 4);
    }
}
