//! The independent parts of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::unionfind::UnionFind;

use crate::{ObjectId, Plan, Step, StepId};

impl Plan {
    /// The plan as plans that share no object, and of which none waits for another. Together they
    /// do the same; each can run, fail and be cancelled without the others. They share the basis.
    pub fn into_parts(self) -> Vec<Plan> {
        let groups = self.groups();
        let mut numbers = vec![0; self.steps.len()];
        let mut parts: Vec<Plan> = Vec::new();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        let Self { basis, steps, mut changes } = self;
        for (index, step) in steps.into_iter().enumerate() {
            let place = *places.entry(groups[index]).or_insert_with(|| {
                let basis = Arc::clone(&basis);
                parts.push(Plan { basis, ..Plan::default() });
                parts.len() - 1
            });
            let part = &mut parts[place];
            numbers[index] = part.steps.len();
            let id = step.action.object();
            if let Some(of_object) = changes.remove(&id) {
                part.changes.insert(id, of_object);
            }
            let after = step.after.iter().map(|before| StepId(numbers[before.0])).collect();
            part.steps.push(Step { after, ..step });
        }
        parts
    }

    /// For each step, the number of the group that it belongs to.
    fn groups(&self) -> Vec<usize> {
        let mut groups = UnionFind::new(self.steps.len());
        let mut last: BTreeMap<ObjectId, usize> = BTreeMap::new();
        for (id, step) in self.iter() {
            for before in &step.after {
                groups.union(before.0, id.0);
            }
            if let Some(other) = last.insert(step.action.object(), id.0) {
                groups.union(other, id.0);
            }
        }
        groups.into_labeling()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Name};

    fn step(instance: &str, after: &[usize]) -> Step {
        let instance = Name::new(instance).expect("a name");
        let after = after.iter().copied().map(StepId).collect();
        Step { action: Action::StartDriver { instance }, after, cost: None, why: None }
    }

    fn shape(plan: &Plan) -> Vec<(String, Vec<usize>)> {
        let one = |step: &Step| {
            let after = step.after.iter().map(|before| before.0).collect();
            (step.action.object().name.to_string(), after)
        };
        plan.steps.iter().map(one).collect()
    }

    #[test]
    fn what_waits_for_each_other_or_is_of_one_object_stays_together() {
        let steps =
            vec![step("a", &[]), step("b", &[]), step("c", &[0]), step("b", &[]), step("d", &[])];
        let parts = Plan { steps, ..Plan::default() }.into_parts();
        let shapes: Vec<_> = parts.iter().map(shape).collect();
        let of = |name: &str, after: &[usize]| (name.to_owned(), after.to_vec());
        assert_eq!(
            shapes,
            [
                vec![of("a", &[]), of("c", &[0])],
                vec![of("b", &[]), of("b", &[])],
                vec![of("d", &[])]
            ]
        );
        assert!(Plan::default().into_parts().is_empty());
    }
}
