//! Mounts, at the right moments of a boot.

use super::agent::Agent;
use crate::spec::MountSpec;

impl Agent {
    /// Mounts what comes and goes while the VM runs, as soon as the guest has what that needs, and
    /// waits until each mount is in place or has failed.
    pub(super) async fn mount(&self) {
        if !self.spec.mounts.iter().any(MountSpec::is_live) {
            return;
        }
        let command = fuse_command(&self.instance_id);
        while !self.mounts.session().run(&command, "").await.is_ok_and(|out| out.status.success()) {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        self.mounts.set(&self.spec.mounts).await;
        self.mounts.settled().await;
    }
}

/// Waits in the guest until it has sshfs, or its boot scripts have ended without.
fn fuse_command(instance_id: &str) -> String {
    format!(
        "sh -c 'id=; until [ \"$id\" = {instance_id} ]; do \
         if [ -r /run/lima-fuse-ready ]; then read -r id </run/lima-fuse-ready; \
         elif [ -r /run/lima-boot-done ]; then read -r id </run/lima-boot-done; fi; \
         [ \"$id\" = {instance_id} ] || sleep 0.1; done'"
    )
}
