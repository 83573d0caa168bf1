//! `limekiln hostagent` (hidden): runs one VM.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use limekiln_hostagent::HostAgentArgs;

use crate::exit::{Exit, Failure};

/// Run one VM.
#[derive(Args)]
pub struct HostagentArgs {
    /// What the engine passes on
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Becomes a host agent; returns when the VM is down.
///
/// # Errors
/// If the words are not a host agent's.
pub fn run(args: &HostagentArgs) -> anyhow::Result<Exit> {
    let args = HostAgentArgs::from_words(args.words.iter().cloned())
        .map_err(|error| Failure::bad_input(error.to_string()))?;
    let code = limekiln_hostagent::main(args);
    Ok(if code == ExitCode::SUCCESS { Exit::Done } else { Exit::Failed })
}
