//! `limekiln validate`

use clap::Args;

use crate::compose::App;
use crate::exit::Exit;
use crate::output::words::count;
use crate::sources::SourceArgs;

/// Check manifests: syntax, fields, rules, and what this engine can honour.
#[derive(Args)]
pub struct ValidateArgs {
    #[command(flatten)]
    source: SourceArgs,
}

/// Prints what is wrong.
///
/// # Errors
/// If an input cannot be read whole.
pub fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let loaded = args.source.load(&app)?;
    let desired = &loaded.desired;
    let valid = desired.instances.len() + desired.disks.len() + desired.networks.len();
    if loaded.has_errors() {
        let problems = count(loaded.diagnostics.len(), "problem");
        errln!("{problems}; {} valid.", are(valid));
        return Ok(Exit::BadInput);
    }
    outln!("{} valid.", are(valid));
    Ok(Exit::Done)
}

fn are(manifests: usize) -> String {
    format!("{} {}", count(manifests, "manifest"), if manifests == 1 { "is" } else { "are" })
}
