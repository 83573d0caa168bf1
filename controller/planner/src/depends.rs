//! `dependsOn`: what comes first, and circles.

use std::collections::BTreeMap;

use limekiln_api::Dependency;
use limekiln_model::{Kind, Name, ObjectId, WaitReason};
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use crate::draft::Draft;
use crate::held::Held;
use crate::scene::Scene;

/// The wanted instances, each after those it depends on. Members of a circle are held, and only
/// they are.
pub(crate) fn order(scene: &Scene<'_>, held: &mut Held, draft: &mut Draft) -> Vec<Name> {
    let on_instances = |on: &Dependency| on.kind == Kind::Instance;
    let mut wanted = scene.desired.instances.values();
    if !wanted.any(|wanted| wanted.spec.spec.depends_on.iter().any(on_instances)) {
        return scene.desired.instances.keys().cloned().collect();
    }
    let graph = graph(scene);
    let mut order = Vec::with_capacity(graph.node_count());
    // Components come in the order in which edges lead backwards: what is depended on first.
    for component in tarjan_scc(&graph) {
        let depends_on_itself = graph.contains_edge(component[0], component[0]);
        if component.len() > 1 || depends_on_itself {
            report_circle(&graph, &component, held, draft);
        }
        order.extend(component.iter().map(|node| graph[*node].clone()));
    }
    order
}

fn graph(scene: &Scene<'_>) -> DiGraph<Name, ()> {
    let mut graph = DiGraph::with_capacity(scene.desired.instances.len(), 0);
    let nodes: BTreeMap<_, _> =
        scene.desired.instances.keys().map(|name| (name, graph.add_node(name.clone()))).collect();
    for (name, wanted) in &scene.desired.instances {
        for dependency in wanted
            .spec
            .spec
            .depends_on
            .iter()
            .filter(|dependency| dependency.kind == Kind::Instance)
        {
            if let Some(other) = nodes.get(&dependency.name) {
                graph.update_edge(nodes[name], *other, ());
            }
        }
    }
    graph
}

fn report_circle(
    graph: &DiGraph<Name, ()>,
    component: &[petgraph::graph::NodeIndex],
    held: &mut Held,
    draft: &mut Draft,
) {
    let path = circle(graph, component);
    let mut names: Vec<_> = component.iter().map(|node| graph[*node].clone()).collect();
    names.sort();
    for name in names {
        let id = ObjectId::instance(&name);
        held.hold(id.clone());
        let hint = Some("remove one of these from `dependsOn`".to_owned());
        draft.report.add(id, WaitReason::Cycle { path: path.clone() }, hint);
    }
}

/// A way round inside the component, the first member again at the end.
fn circle(graph: &DiGraph<Name, ()>, component: &[petgraph::graph::NodeIndex]) -> Vec<ObjectId> {
    let start =
        component.iter().copied().min_by_key(|node| graph[*node].clone()).unwrap_or_default();
    let mut path = vec![start];
    loop {
        let here = path[path.len() - 1];
        let mut inside: Vec<_> =
            graph.neighbors(here).filter(|next| component.contains(next)).collect();
        inside.sort_by_key(|node| graph[*node].clone());
        let fresh = inside.iter().copied().find(|next| !path.contains(next));
        match (inside.contains(&start), fresh) {
            (false, Some(next)) => path.push(next),
            // Back at the start, or at another member that closes a smaller circle.
            _ => {
                let closes = if inside.contains(&start) {
                    start
                } else {
                    inside.first().copied().unwrap_or(start)
                };
                let from = path.iter().position(|node| *node == closes).unwrap_or_default();
                path.drain(..from);
                path.push(closes);
                return path.into_iter().map(|node| ObjectId::instance(&graph[node])).collect();
            }
        }
    }
}
