//! A plan as an indented list: what can run at once stands at one depth.

use limekiln_model::Plan;

/// Each step below the last one it waits for.
pub fn tree(plan: &Plan) -> String {
    let mut depths: Vec<usize> = Vec::with_capacity(plan.steps.len());
    for (_, step) in plan.iter() {
        let deepest = step.after.iter().filter_map(|before| depths.get(before.0)).max();
        depths.push(deepest.map_or(0, |depth| depth + 1));
    }
    let mut out = String::new();
    let last = depths.iter().max().map_or(0, |depth| depth + 1);
    for depth in 0..last {
        out += &format!("{}.\n", depth + 1);
        for (number, step) in plan.iter().filter(|(number, _)| depths[number.0] == depth) {
            let after: Vec<_> = step.after.iter().map(ToString::to_string).collect();
            let after = if after.is_empty() {
                String::new()
            } else {
                format!("  (after {})", after.join(", "))
            };
            out +=
                &format!("   {number:>3} {} {}{after}\n", step.action.verb(), step.action.object());
        }
    }
    out
}
