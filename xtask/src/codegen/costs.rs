//! `docs/costs.md`: what a change of each field costs, from the planner's table.

use limekiln_planner::cost::{Rule, table};

const HEAD: &str = "\
# What a change costs

Made by `cargo xtask codegen` from `controller/planner/src/cost.rs`; edit that.

What a change does to a running VM: `live` interrupts nothing, `restart` stops and starts it, \
`recreate` makes it anew (what is on its own disk is parked with the old one), `refused` is never \
done. The longest path decides. Growing `template.disk` or `disk.size` costs what is said here; \
shrinking is always refused. An engine that can do more does it more cheaply, and a change of an \
image that the instance was not made from is `live`. What costs more than the manifest's \
`maxDisruption` waits, and is reported.

| field | cost | why |
|---|---|---|
";

/// The whole page.
pub fn markdown() -> String {
    let rows = table().iter().map(row);
    rows.fold(HEAD.to_owned(), |page, row| page + &row)
}

fn row(rule: &Rule) -> String {
    format!("| `{}` | {} | {} |\n", rule.path, rule.cost.word(), rule.note.unwrap_or_default())
}
