//! A plan for Graphviz.

use limekiln_model::Plan;

/// The plan as a `digraph`.
pub fn dot(plan: &Plan) -> String {
    let mut out =
        "digraph plan {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n".to_owned();
    for (number, step) in plan.iter() {
        let colour = if step.action.is_destructive() { ", color=red" } else { "" };
        out += &format!(
            "  s{number} [label=\"{}\\n{}\"{colour}];\n",
            step.action.verb(),
            step.action.object()
        );
    }
    for (number, step) in plan.iter() {
        for before in &step.after {
            out += &format!("  s{before} -> s{number};\n");
        }
    }
    out + "}\n"
}
