//! `limekiln graph`

use clap::{Args, ValueEnum};
use limekiln_model::Observed;
use limekiln_planner::render;

use super::apply::PolicyArgs;
use crate::compose::App;
use crate::exit::Exit;
use crate::sources::SourceArgs;

/// Draw the plan: which steps, and what comes after what.
#[derive(Args)]
#[command(
    after_help = "Example: limekiln graph -f manifests --from-scratch -o dot | dot -Tsvg > plan.svg"
)]
pub struct GraphArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// As if nothing existed yet
    #[arg(long)]
    from_scratch: bool,
    /// How to draw
    #[arg(short, long, value_enum, default_value_t)]
    output: Drawing,
}

/// How to draw.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Drawing {
    /// Numbered steps, those that can run at once together
    #[default]
    Tree,
    /// For Graphviz
    Dot,
    /// For Mermaid
    Mermaid,
}

/// Prints the drawing.
///
/// # Errors
/// If manifests or the home cannot be read.
pub fn run(args: &GraphArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let (planned, bad) = args.source.plan(&app, args.policy.policy())?;
    let plan = if args.from_scratch {
        let nothing = Observed { host: planned.observed.host.clone(), ..Observed::default() };
        limekiln_planner::plan(
            &planned.desired,
            &nothing,
            &app.reconciler.capabilities(),
            &planned.policy,
        )
        .0
    } else {
        planned.plan
    };
    match args.output {
        Drawing::Tree if plan.is_empty() => {
            outln!("Nothing to do; --from-scratch draws what it took.");
        }
        Drawing::Tree => out!("{}", render::tree(&plan)),
        Drawing::Dot => out!("{}", render::dot(&plan)),
        Drawing::Mermaid => out!("{}", render::mermaid(&plan)),
    }
    Ok(if bad { Exit::BadInput } else { Exit::Done })
}
