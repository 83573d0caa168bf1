//! `limekiln policy show`

use clap::Args;
use limekiln_api::to_yaml;

use super::WhichArgs;
use crate::exit::Exit;

/// Print a policy with all its rules, as a policy file.
#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    which: WhichArgs,
}

/// Prints it.
///
/// # Errors
/// If the policy file cannot be used.
pub fn run(args: &ShowArgs) -> anyhow::Result<Exit> {
    let policy = args.which.policy()?;
    outln!("# {}", policy.name());
    out!("{}", to_yaml(policy.rules()));
    Ok(Exit::Done)
}
