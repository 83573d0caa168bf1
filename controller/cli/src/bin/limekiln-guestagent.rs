//! `limekiln-guestagent`: the program inside guests. It comes with the command line, and nothing of
//! the command line comes with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    limekiln_guestagent::main(std::env::args_os().skip(1))
}
