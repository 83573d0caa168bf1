//! `limekiln policy`

mod show;
mod test;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use limekiln_reconciler::policy::{HostPolicy, PolicyError};

use crate::exit::{Exit, Failure};
use crate::output::diagnostic::styled;

/// Look at what manifests may take from this host.
#[derive(Args)]
#[command(
    after_help = "Manifests in directories of this host may do everything, unless a policy file says otherwise.\nThose of repositories may do only what stays in their guests.\n\nExamples:\n  limekiln policy test -f team/vms --as-repository\n  limekiln policy show --as-repository > policy.yaml    # a start for a file of your own\n  limekiln policy test -f team/vms --policy policy.yaml"
)]
pub struct PolicyCommandArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Tell of each field of manifests whether it is allowed, by which rule, and why not
    Test(test::TestArgs),
    /// Print a policy with all its rules
    Show(show::ShowArgs),
}

/// Runs the command.
///
/// # Errors
/// As the command says.
pub fn run(args: &PolicyCommandArgs) -> anyhow::Result<Exit> {
    match &args.command {
        PolicyCommand::Test(args) => test::run(args),
        PolicyCommand::Show(args) => show::run(args),
    }
}

/// Which policy.
#[derive(Args)]
struct WhichArgs {
    /// A policy file; else that of directories of this host, which allows everything
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The policy of repositories
    #[arg(long, conflicts_with = "policy")]
    as_repository: bool,
}

impl WhichArgs {
    fn policy(&self) -> anyhow::Result<HostPolicy> {
        match &self.policy {
            Some(file) => HostPolicy::read(file).map_err(told),
            None if self.as_repository => Ok(HostPolicy::closed()),
            None => Ok(HostPolicy::open()),
        }
    }
}

/// All that is wrong with a policy file is printed; the rest is an error of the program.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn told(error: PolicyError) -> anyhow::Error {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    if let PolicyError::Wrong { diagnostics, .. } = &error {
        diagnostics.iter().for_each(|found| errln!("{}\n", styled(found)));
    }
    let failure = Failure::bad_input(message);
    failure.hint("`limekiln policy show --as-repository` prints one with every rule").into()
}
