//! The guest agent alone: the same program as the second one of the command line's package, built
//! without all that the first one needs.

use std::process::ExitCode;

fn main() -> ExitCode {
    limekiln_guestagent::main(std::env::args_os().skip(1))
}
