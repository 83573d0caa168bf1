//! A host agent without the rest of limekiln, for tests: `hostagent INSTANCE-DIR LIMA-HOME [--adopt]`.

use std::process::ExitCode;

use limekiln_hostagent::HostAgentArgs;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let (Some(instance), Some(home)) = (words.next(), words.next()) else {
        eprintln!("usage: hostagent INSTANCE-DIR LIMA-HOME [--adopt]");
        return ExitCode::from(2);
    };
    let mut args = HostAgentArgs::new(instance, home);
    args.adopt = words.any(|word| word == "--adopt");
    limekiln_hostagent::main(args)
}
