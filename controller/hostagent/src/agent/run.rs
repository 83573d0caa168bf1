//! The whole.

use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit, setrlimit};

use super::adopt::adopt;
use super::agent::{Agent, Known};
use super::prepare::prepare;
use super::signals::Signals;
use crate::api::Server;
use crate::driver::Machine;
use crate::pidfile::PidFile;
use crate::{Error, HostAgentArgs, chain, log};

/// Runs a host agent as this whole process: sets up the log on standard error and a runtime, and
/// returns when the VM is down.
pub fn main(args: HostAgentArgs) -> ExitCode {
    log::init();
    // One thread is enough, and costs the least memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime
        .map_err(Error::system("start the runtime"))
        .and_then(|runtime| runtime.block_on(run(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs one instance until its VM is down: after a stop was asked for, by SIGINT, SIGTERM or the
/// API, or because it ended by itself. A second signal kills it.
///
/// # Errors
/// The instance can't be started, or the VM did not end as a guest ends it.
pub async fn run(args: HostAgentArgs) -> Result<(), Error> {
    let signals = Signals::listen()?;
    let _pidfile = PidFile::take(&args.pidfile)?;
    raise_descriptor_limit();
    let (mut agent, adopted) = if args.adopt {
        let (agent, machine, known) = adopt(args).await?;
        (agent, Some((machine, known)))
    } else {
        (prepare(args)?, None)
    };
    let _server = Server::start(&agent.args.socket, Arc::clone(&agent.shared))?;
    let signals = signals.forward(Arc::clone(&agent.shared));
    let result = match adopted {
        Some((machine, known)) => {
            agent.emit(|_| ());
            begin_and_live(&mut agent, machine, known).await
        }
        None => start_and_live(&mut agent).await,
    };
    signals.abort();
    agent.forget();
    let error = result.as_ref().err().map(|error| chain(error));
    agent.events.emit(crate::events::Status {
        exiting: true,
        errors: error.into_iter().collect(),
        ..Default::default()
    });
    result
}

async fn begin_and_live(
    agent: &mut Agent,
    mut machine: Box<dyn Machine>,
    known: Known,
) -> Result<(), Error> {
    match agent.begin_adopted(machine.as_mut(), known).await? {
        true => agent.live(machine, known).await,
        false => Ok(()),
    }
}

async fn start_and_live(agent: &mut Agent) -> Result<(), Error> {
    match agent.start_vm().await? {
        Some((machine, known)) => agent.live(machine, known).await,
        None => Ok(()),
    }
}

/// Each connection and each console takes a descriptor.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it, fewer connections at a time are possible.
    let _ = setrlimit(Resource::Nofile, limit);
}
