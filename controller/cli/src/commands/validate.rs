//! `limekiln validate`

use clap::Args;
use limekiln_api::Severity;

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
    let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let errors = errors.count();
    let warnings = loaded.diagnostics.len() - errors;
    let mut found = vec![count(valid, "valid manifest")];
    found.extend((errors > 0).then(|| count(errors, "error")));
    found.extend((warnings > 0).then(|| count(warnings, "warning")));
    let line = format!("{}.", found.join(", "));
    if errors > 0 {
        errln!("{line}");
        return Ok(Exit::BadInput);
    }
    outln!("{line}");
    Ok(Exit::Done)
}
