//! `limekiln completion SHELL`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Exit;

/// Print a completion script: `source <(limekiln completion bash)`.
#[derive(Args)]
pub struct CompletionArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::Cli::command(), "limekiln", &mut script);
    out!("{}", String::from_utf8_lossy(&script));
    Exit::Done
}
