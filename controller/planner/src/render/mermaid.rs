//! A plan for Mermaid.

use limekiln_model::Plan;

/// The plan as a flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (number, step) in plan.iter() {
        out += &format!("  s{number}[\"{}<br/>{}\"]\n", step.action.verb(), step.action.object());
    }
    for (number, step) in plan.iter() {
        for before in &step.after {
            out += &format!("  s{before} --> s{number}\n");
        }
    }
    out
}
