//! A plan in the making.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use limekiln_model::{Action, Change, Cost, ObjectId, Observed, Plan, Report, Step, StepId};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::basis;

/// Steps of a draft, before they have their final numbers.
pub(crate) type Node = NodeIndex;

/// Steps and edges, in any order. Steps of one object form a chain in the order in which they
/// were added.
#[derive(Default)]
pub(crate) struct Draft {
    graph: DiGraph<Step, ()>,
    chains: BTreeMap<ObjectId, Vec<Node>>,
    pub(crate) changes: BTreeMap<ObjectId, Vec<Change>>,
    pub(crate) report: Report,
}

impl Draft {
    /// Adds a step after the object's last one.
    pub(crate) fn push(&mut self, action: Action, cost: Option<Cost>) -> Node {
        self.push_because(action, cost, None)
    }

    /// Adds a step and says why.
    pub(crate) fn push_because(
        &mut self,
        action: Action,
        cost: Option<Cost>,
        why: Option<String>,
    ) -> Node {
        let id = action.object();
        let node = self.graph.add_node(Step { action, after: Vec::new(), cost, why });
        let chain = self.chains.entry(id).or_default();
        if let Some(last) = chain.last() {
            self.graph.add_edge(*last, node, ());
        }
        chain.push(node);
        node
    }

    /// `before` must have succeeded when `after` begins.
    pub(crate) fn edge(&mut self, before: Node, after: Node) {
        self.graph.update_edge(before, after, ());
    }

    /// The object's step that is like this, if there is one.
    pub(crate) fn find(&self, id: &ObjectId, like: impl Fn(&Action) -> bool) -> Option<Node> {
        let chain = self.chains.get(id)?;
        chain.iter().copied().find(|node| like(&self.graph[*node].action))
    }

    /// Whether there is no step.
    pub(crate) fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// The object's last step.
    pub(crate) fn last(&self, id: &ObjectId) -> Option<Node> {
        self.chains.get(id).and_then(|chain| chain.last().copied())
    }

    /// All steps that are like this.
    pub(crate) fn all(&self, like: impl Fn(&Action) -> bool) -> Vec<Node> {
        self.graph.node_indices().filter(|node| like(&self.graph[*node].action)).collect()
    }

    /// The action of a step.
    pub(crate) fn action(&self, node: Node) -> &Action {
        &self.graph[node].action
    }

    /// Puts the steps into an order in which they could run one after another. Among those that
    /// could come next, the one that was added first comes first, so that plans read well.
    pub(crate) fn finish(self, observed: &Observed, revision: &str) -> (Plan, Report) {
        let order = self.order();
        let number: BTreeMap<Node, StepId> =
            order.iter().enumerate().map(|(position, node)| (*node, StepId(position))).collect();
        let basis = Arc::new(basis::of(observed, revision, self.chains.keys()));
        let mut graph = self.graph;
        let after: Vec<BTreeSet<StepId>> = order
            .iter()
            .map(|node| {
                graph
                    .neighbors_directed(*node, Direction::Incoming)
                    .map(|before| number[&before])
                    .collect()
            })
            .collect();
        let steps = order.iter().zip(after).map(|(node, after)| {
            let placeholder = Step {
                action: Action::Release { object: graph[*node].action.object() },
                after: Vec::new(),
                cost: None,
                why: None,
            };
            Step {
                after: after.into_iter().collect(),
                ..std::mem::replace(&mut graph[*node], placeholder)
            }
        });
        let steps = steps.collect();
        (Plan { basis, steps, changes: self.changes }, self.report)
    }

    fn order(&self) -> Vec<Node> {
        let mut waits: Vec<usize> = self
            .graph
            .node_indices()
            .map(|node| self.graph.neighbors_directed(node, Direction::Incoming).count())
            .collect();
        let mut free: BinaryHeap<Reverse<Node>> = self
            .graph
            .node_indices()
            .filter(|node| waits[node.index()] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(waits.len());
        while let Some(Reverse(node)) = free.pop() {
            order.push(node);
            for next in self.graph.neighbors(node) {
                waits[next.index()] -= 1;
                if waits[next.index()] == 0 {
                    free.push(Reverse(next));
                }
            }
        }
        debug_assert_eq!(
            order.len(),
            waits.len(),
            "edges lead from stops to changes to starts, never back"
        );
        order
    }
}
