//! The host's side of port forwards without a VM, for benchmarks and tests: `forward INSTANCE_DIR`,
//! where a guest agent listens on `ga-port.sock`.

use std::path::PathBuf;
use std::process::ExitCode;

use limekiln_hostagent::{HostAgentArgs, forward_without_vm};

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say which instance's directory");
        return ExitCode::from(2);
    };
    let home = dir.parent().unwrap_or(&dir).to_owned();
    // As the host agent runs it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs a few descriptors");
    match runtime.block_on(forward_without_vm(HostAgentArgs::new(dir, home))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
