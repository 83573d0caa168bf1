//! The daemon alone, for tests: `limekiln usernet` without the rest.

use std::process::ExitCode;

use clap::Parser;
use limekiln_usernet::UsernetArgs;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: UsernetArgs,
}

fn main() -> ExitCode {
    match limekiln_usernet::main(Cli::parse().args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "{error}: {}",
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
            );
            ExitCode::FAILURE
        }
    }
}
