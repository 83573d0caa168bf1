//! `limekiln validate`

use clap::Args;

use crate::compose::App;
use crate::exit::Exit;
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
        anstream::eprintln!(
            "\n{} problems; {valid} manifests are valid.",
            loaded.diagnostics.len()
        );
        return Ok(Exit::BadInput);
    }
    println!("{valid} manifests are valid.");
    Ok(Exit::Done)
}
