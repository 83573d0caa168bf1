//! Everything before a VM can be started.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::agent::{Agent, new_instance_id};
use crate::api::{AgentStatus, Phase, Shared};
use crate::cidata::Archive;
use crate::disks::{Locks, mend};
use crate::driver::qemu::{Qemu, suit};
use crate::events::EventWriter;
use crate::guest::find_binary;
use crate::mounts::Mounts;
use crate::process::{self, Process};
use crate::resolver::Resolver;
use crate::spec::{ContainerdSpec, GuestSpec, VmSpec, filled, resolve};
use crate::ssh::{self, Session};
use crate::state::State;
use crate::{Error, HostAgentArgs, atomic, cidata, pidfile};

/// Makes the files that a start needs.
///
/// # Errors
/// A VM of this instance runs already, the configuration can't be run, or a file can't be written.
pub(super) fn prepare(args: HostAgentArgs) -> Result<Agent, Error> {
    let yaml = args.instance_dir.join("lima.yaml");
    let lima = filled(&args, &yaml)?;
    let (mut spec, guest) = resolve(&args, &lima)?;
    refuse_orphan(&spec)?;
    spec.ssh_port = ssh::choose_port(spec.ssh_port)?;
    suit(&mut spec);
    let text = fs::read(&yaml).map_err(Error::file("read", &yaml))?;
    atomic::write(&spec.files.booted_yaml(), &text, 0o644)?;
    let json =
        serde_json::to_vec(&lima).map_err(|error| Error::file("write", &yaml)(error.into()))?;
    atomic::write(&spec.files.booted_filled(), &json, 0o644)?;
    let instance_id = new_instance_id();
    let keys = ssh::authorized_keys(&args.lima_home, guest.load_dot_ssh)?;
    let (guest_agent, missing) = read_guest_agent(&spec, &guest)?;
    let (archive, doubt) = find_archive(&args, &guest)?;
    let resolver = Resolver::start(&guest, None);
    let seed = cidata::Seed {
        guest: &guest,
        instance_id: &instance_id,
        keys: &keys,
        guest_agent: guest_agent.as_deref(),
        containerd: archive.as_ref(),
        dns: resolver.as_ref().map(|server| server.ports),
    };
    cidata::write(&spec.files, &seed)?;
    let mut agent = assemble(args, spec, guest, instance_id, digest(&text))?;
    agent.missing.extend(missing);
    agent.doubts.extend(doubt);
    agent.doubts.extend(mend_disks(&agent.spec)?);
    agent.resolver = resolver;
    // A master of an earlier VM would keep new sessions from the new one.
    let _ = fs::remove_file(agent.spec.files.ssh_sock());
    let _ = fs::remove_file(agent.spec.files.mounts_sock());
    agent.mounts.forget();
    Ok(agent)
}

/// Puts an agent together; also writes `ssh.config` and takes the disks' locks.
pub(super) fn assemble(
    args: HostAgentArgs,
    spec: VmSpec,
    guest: GuestSpec,
    instance_id: String,
    config_digest: String,
) -> Result<Agent, Error> {
    let options = ssh::options(&args.lima_home, &spec.files, &guest)?;
    ssh::write_config(&spec.files, &guest.hostname, &options, spec.ssh_port)?;
    let status = AgentStatus {
        phase: Phase::Booting,
        waiting_for: None,
        accelerator: None,
        fallback_reason: None,
        errors: Vec::new(),
        started_at: Timestamp::now(),
        ssh_local_port: spec.ssh_port,
        driver_pid: None,
        config_digest,
        guest_agent: None,
        forwards: BTreeMap::new(),
        mounts: Vec::new(),
        networks: Vec::new(),
        disks: Vec::new(),
        held: None,
        free_disk_places: None,
        steps: None,
        reloads: 0,
    };
    let locks = Locks::default();
    for disk in &spec.disks {
        locks.take(&disk.name, &disk.path, &spec.files)?;
    }
    let session = Session::new(options, spec.files.ssh_sock(), spec.ssh_port);
    let shared = Arc::new(Shared::new(status));
    let apart = session.apart(spec.files.mounts_sock());
    let mounts = Mounts::new(apart, Arc::clone(&shared), &spec.files);
    mounts.announce(&spec.mounts);
    let agent = Agent {
        locks,
        session,
        mounts: Arc::new(mounts),
        shared,
        events: Arc::new(EventWriter::open(&spec.files.events())?),
        missing: Vec::new(),
        doubts: Vec::new(),
        driver: Box::new(Qemu),
        boot_deadline: Instant::now() + args.boot_timeout,
        args,
        spec,
        guest,
        instance_id,
        networks: None,
        resolver: None,
    };
    agent.announce_networks();
    Ok(agent)
}

/// The program for the guest, or in words that there is none: the VM is of use without.
fn read_guest_agent(
    spec: &VmSpec,
    guest: &GuestSpec,
) -> Result<(Option<Vec<u8>>, Option<String>), Error> {
    if guest.plain {
        return Ok((None, None));
    }
    match find_binary(spec.arch) {
        Ok(path) => Ok((Some(fs::read(&path).map_err(Error::file("read", &path))?), None)),
        Err(error) => Ok((None, Some(error.to_string()))),
    }
}

/// What containerd is installed from, or in words that whoever started this brought nothing: Lima
/// and those before us start VMs, too.
fn find_archive(
    args: &HostAgentArgs,
    guest: &GuestSpec,
) -> Result<(Option<Archive>, Option<String>), Error> {
    if guest.containerd == ContainerdSpec::default() {
        return Ok((None, None));
    }
    let Some(path) = &args.nerdctl_archive else {
        let doubt = "containerd was left as it is: the start brought no archive of it";
        return Ok((None, Some(doubt.to_owned())));
    };
    Ok((Some(Archive::new(path)?), None))
}

/// Nothing may be written to a disk while its snapshots are half done. Of several disks, some may be
/// those of one moment and some of another, which is for the user to know.
fn mend_disks(spec: &VmSpec) -> Result<Option<String>, Error> {
    let mut interrupted = mend(&spec.files.disk())?;
    for disk in &spec.disks {
        interrupted = mend(&disk.path)?.or(interrupted);
    }
    let doubtful =
        interrupted.filter(|what| what.starts_with("going back") && !spec.disks.is_empty());
    Ok(doubtful.map(|what| {
        format!(
            "{what} was interrupted: the disks may be of different moments until you do it again"
        )
    }))
}

/// `sha256:<hex>`.
pub(super) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Two QEMUs on one disk would destroy it. QEMU locks its images, but only where it can.
fn refuse_orphan(spec: &VmSpec) -> Result<(), Error> {
    if let Ok(state) = State::read(&spec.files.state())
        && Process::foreign(state.driver_pid, state.driver_start_time).is_some()
    {
        return Err(Error::Orphan { pid: state.driver_pid });
    }
    // One that Lima started; its pid may long belong to something else.
    match pidfile::read(&spec.files.qemu_pid()) {
        Some(pid) if process::exists(pid) && runs_instance(pid, spec) => Err(Error::Orphan { pid }),
        _ => Ok(()),
    }
}

/// Whether the process's arguments name this instance's pid file.
fn runs_instance(pid: u32, spec: &VmSpec) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let wanted = spec.files.qemu_pid();
    arguments.split(|&byte| byte == 0).any(|word| word == wanted.as_os_str().as_encoded_bytes())
}
