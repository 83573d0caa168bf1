//! A plan as a tree: each step hangs below the last one that it waits for.

use limekiln_model::{ObjectId, Plan, StepId};

/// The plan as a tree. A step begins when the one that it hangs on is done; what else it waits
/// for stands behind it. Steps that hang side by side may run at once.
pub fn tree(plan: &Plan) -> String {
    let parents = parents(plan);
    let mut below = vec![Vec::new(); plan.steps.len()];
    for (child, parent) in plan.iter().map(|(id, _)| id).zip(&parents) {
        if let Some(parent) = parent {
            below[parent.0].push(child);
        }
    }
    let mut tree = Tree { plan, parents, below, out: String::new() };
    for (root, _) in plan.iter().filter(|(id, _)| tree.parents[id.0].is_none()).collect::<Vec<_>>()
    {
        tree.branch(root, "", "", None);
    }
    tree.out
}

/// For each step the one of those before it that comes last: the deepest, then the highest number.
fn parents(plan: &Plan) -> Vec<Option<StepId>> {
    let mut depths: Vec<usize> = Vec::with_capacity(plan.steps.len());
    let mut parents = Vec::with_capacity(plan.steps.len());
    for (_, step) in plan.iter() {
        let known = step.after.iter().filter(|before| before.0 < depths.len());
        let last = known.max_by_key(|before| (depths[before.0], before.0)).copied();
        depths.push(last.map_or(0, |last| depths[last.0] + 1));
        parents.push(last);
    }
    parents
}

struct Tree<'a> {
    plan: &'a Plan,
    parents: Vec<Option<StepId>>,
    below: Vec<Vec<StepId>>,
    out: String,
}

impl Tree<'_> {
    /// A step and all below it. `lead` stands before it, `indent` before what hangs on it; the
    /// object is not said again below itself.
    fn branch(&mut self, id: StepId, lead: &str, indent: &str, above: Option<&ObjectId>) {
        let Some(step) = self.plan.step(id) else { return };
        let object = step.action.object();
        let name = if above == Some(&object) { String::new() } else { format!("{object}: ") };
        self.out += &format!("{lead}{id} {name}{}{}\n", step.action.verb(), self.besides(id));
        let below = std::mem::take(&mut self.below[id.0]);
        for (index, child) in below.iter().enumerate() {
            let last = index + 1 == below.len();
            let lead = format!("{indent}{}", if last { "└─ " } else { "├─ " });
            let indent = format!("{indent}{}", if last { "   " } else { "│  " });
            self.branch(*child, &lead, &indent, Some(&object));
        }
    }

    /// What the step waits for besides the one that it hangs on.
    fn besides(&self, id: StepId) -> String {
        let after = self.plan.step(id).map(|step| step.after.as_slice()).unwrap_or_default();
        let others: Vec<_> = after
            .iter()
            .filter(|before| Some(**before) != self.parents[id.0])
            .map(ToString::to_string)
            .collect();
        match others.is_empty() {
            true => String::new(),
            false => format!("  (also after {})", others.join(", ")),
        }
    }
}
