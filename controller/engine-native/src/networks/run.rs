//! Starting and stopping what carries a network.

use std::path::Path;

use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_api::{HostFacts, NetworkSpec};
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::network::vmnet::VmnetDaemon;
use limekiln_hostagent::network::{NetworkError, must_be_understood, networks_config};
use limekiln_model::Name;

use super::Carrier;
use super::carrier::{SUDO, vmnet};
use super::users::user;
use crate::paths::Paths;

/// Starts the daemon unless it runs.
pub(crate) async fn start(
    paths: &Paths,
    exe: &Path,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let (config, spec) = definition(paths, name)?;
    let work = async {
        match Carrier::of(paths.home(), name, &spec) {
            Carrier::UserV2(daemon) => daemon.ensure(exe, &spec).await.map_err(failed),
            Carrier::Vmnet => match vmnet(&config, name) {
                Some(network) => {
                    let daemon = VmnetDaemon::new(network, paths.home(), Path::new(SUDO));
                    daemon.ensure().await.map_err(failed)
                }
                None => Err(absent(name)),
            },
            carrier @ (Carrier::Interface(_) | Carrier::None) => {
                impossible(&carrier, paths, &config, name, &spec)
            }
        }
    };
    tokio::select! {
        done = work => done,
        // Who is being started goes on by itself.
        () = context.cancel.cancelled() => Err(EngineError::cancelled()),
    }
}

/// Stops the daemon. Nobody may use it, which is looked at when nobody can start it any more.
pub(crate) async fn stop(paths: &Paths, facts: &HostFacts, name: &Name) -> Result<(), EngineError> {
    let (config, spec) = definition(paths, name)?;
    let used = |user: String| {
        EngineError::precondition(format!("network/{name} is used by instance/{user}"))
    };
    match Carrier::of(paths.home(), name, &spec) {
        Carrier::UserV2(daemon) => {
            let stopped = daemon.stop(|| user(paths, facts, name)).await.map_err(failed)?;
            stopped.map_or(Ok(()), |user| Err(used(user)))
        }
        Carrier::Vmnet => match (user(paths, facts, name), vmnet(&config, name)) {
            (Some(user), _) => Err(used(user)),
            (None, Some(network)) => {
                let daemon = VmnetDaemon::new(network, paths.home(), Path::new(SUDO));
                daemon.stop().await.map_err(failed)
            }
            (None, None) => Err(absent(name)),
        },
        Carrier::Interface(_) | Carrier::None => Ok(()),
    }
}

fn definition(paths: &Paths, name: &Name) -> Result<(NetworksConfig, NetworkSpec), EngineError> {
    let config = networks_config(paths.home()).map_err(failed)?;
    let spec = config.networks.get(name).cloned().ok_or_else(|| absent(name))?;
    must_be_understood(paths.home(), name, &spec).map_err(failed)?;
    Ok((config, spec))
}

pub(super) fn absent(name: &Name) -> EngineError {
    EngineError::precondition(format!("network/{name} does not exist"))
}

/// Fails if this host cannot have the network, which need not be defined.
pub(crate) fn must_be_possible(
    paths: &Paths,
    config: &NetworksConfig,
    name: &Name,
    spec: &NetworkSpec,
) -> Result<(), EngineError> {
    match Carrier::of(paths.home(), name, spec) {
        carrier @ (Carrier::Interface(_) | Carrier::None) => {
            impossible(&carrier, paths, config, name, spec)
        }
        Carrier::UserV2(_) | Carrier::Vmnet => Ok(()),
    }
}

fn impossible(
    carrier: &Carrier,
    paths: &Paths,
    config: &NetworksConfig,
    name: &Name,
    spec: &NetworkSpec,
) -> Result<(), EngineError> {
    if carrier.phase(paths.home(), config, name) == limekiln_model::NetworkPhase::Hosted {
        return Ok(());
    }
    let why = match carrier {
        Carrier::Interface(interface) => {
            format!("this host has no bridge or tap called {interface}")
        }
        _ => format!("{} networks need macOS", spec.mode.word()),
    };
    let hint = "use mode user-v2, or name a bridge or a tap of this host with mode bridged";
    Err(EngineError::needs_human(format!("network/{name}: {why}")).hint(hint))
}

/// What went wrong with a network as the engine's error.
pub(crate) fn failed(error: NetworkError) -> EngineError {
    let hint = error.hint().map(str::to_owned);
    let made = match &error {
        NetworkError::Host { .. }
        | NetworkError::Definition { .. }
        | NetworkError::Later { .. }
        | NetworkError::Yaml { .. }
        | NetworkError::Card { .. }
        | NetworkError::Other { .. } => EngineError::needs_human("the network cannot be used"),
        NetworkError::Busy { .. } | NetworkError::Endpoint { .. } => {
            EngineError::new(limekiln_engine::ErrorClass::Transient, "the network is not ready")
        }
        NetworkError::Unknown(_) => EngineError::precondition("the network is gone"),
        NetworkError::File { .. } | NetworkError::Start { .. } => {
            EngineError::permanent("the network does not work")
        }
    };
    let made = made.because(error);
    match hint {
        Some(hint) => made.hint(hint),
        None => made,
    }
}
