//! A host agent without the rest of limekiln, started with the same words as `limekiln hostagent`.

use std::process::ExitCode;

use limekiln_hostagent::HostAgentArgs;

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1).skip_while(|word| word == "hostagent");
    match HostAgentArgs::from_words(words) {
        Ok(args) => limekiln_hostagent::main(args),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
