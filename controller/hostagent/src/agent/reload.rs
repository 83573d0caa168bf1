//! Reading the configuration again while the VM runs.

use std::sync::Arc;

use limekiln_api::Lima;
use limekiln_api::lima::MountType;
use tokio_util::task::AbortOnDropHandle;

use super::agent::Agent;
use crate::api::Shared;
use crate::files::InstanceFiles;
use crate::mounts::Mounts;
use crate::resolver::{NewNames, Resolver};
use crate::spec::{ResolverSpec, filled, mounts};
use crate::ssh::Session;
use crate::{Error, HostAgentArgs, chain};

/// Answers requests to reload until what it gives is dropped.
pub(super) fn listen(agent: &Agent) -> AbortOnDropHandle<()> {
    let reload = Reload {
        args: agent.args.clone(),
        files: agent.spec.files.clone(),
        shared: Arc::clone(&agent.shared),
        mounts: Arc::clone(&agent.mounts),
        session: agent.session.clone(),
        names: agent.resolver.as_ref().map(Resolver::names),
    };
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut done = 0;
        loop {
            // Those that are asked for meanwhile are one.
            let asked = reload.shared.reload_asked(done).await;
            if let Err(error) = reload.once().await {
                tracing::error!("cannot change the running VM: {}", chain(&error));
            }
            done = asked;
            reload.shared.update(|status| status.reloads = done);
        }
    }))
}

/// What a reload needs, and changes.
struct Reload {
    args: HostAgentArgs,
    files: InstanceFiles,
    shared: Arc<Shared>,
    mounts: Arc<Mounts>,
    session: Session,
    names: Option<NewNames>,
}

impl Reload {
    /// Makes of the running VM what `lima.yaml` says, as far as that goes without a restart.
    async fn once(&self) -> Result<(), Error> {
        let wanted = filled(&self.args, &self.files.lima_yaml())?;
        if let Some(names) = &self.names {
            names.set(&ResolverSpec::new(&wanted));
        }
        let Some(booted) = self.files.read_booted() else { return Ok(()) };
        self.mounts.see_devices(&self.session, &mounts(&booted)).await;
        if is_live(&wanted) && is_live(&booted) {
            self.mounts.set(&mounts(&wanted)).await;
            // The VM has them now, also for a host agent that adopts it.
            self.files.change_booted(|booted| booted.mounts = wanted.mounts)?;
        }
        Ok(())
    }
}

/// Whether mounts come and go while the VM runs.
fn is_live(lima: &Lima) -> bool {
    lima.mount_type == Some(MountType::ReverseSshfs)
}
