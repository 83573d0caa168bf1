//! Forwards without a VM.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::api::{AgentStatus, Phase, Shared};
use crate::events::EventWriter;
use crate::files::InstanceFiles;
use crate::forwards::{Forwarder, Inputs, Report, Rules};
use crate::guest::Link;
use crate::ssh::Session;
use crate::{Error, HostAgentArgs};

/// Forwards ports of whatever guest agent listens on [`InstanceFiles::guest_port`], by the rules of
/// the instance's `lima.yaml`, and writes events as ever. For benchmarks, and to see what a hostile
/// agent can do; nothing of an instance but these files is needed. Never returns.
///
/// # Errors
/// The configuration can't be read, or the event log can't be written.
pub async fn forward_without_vm(args: HostAgentArgs) -> Result<(), Error> {
    let files = InstanceFiles::new(&args.instance_dir);
    let lima = crate::spec::filled(&args, &files.lima_yaml())?;
    let shared = Arc::new(Shared::new(status()));
    let events = Arc::new(EventWriter::open(&files.events())?);
    let session = Session::new(Vec::new(), files.ssh_sock(), 0);
    let link = Link::new();
    let (_rules, rules) = watch::channel(Arc::new(Rules::new(&lima, 0, false)));
    let inputs = Inputs { client: link.client(), listeners: link.listeners(), rules };
    let report = Report::new(events, Arc::clone(&shared));
    let forwarder = Forwarder::new(inputs, session.clone(), report);
    tokio::join!(link.keep(&files, &session, &shared), forwarder.run(std::future::pending()));
    Ok(())
}

fn status() -> AgentStatus {
    AgentStatus {
        phase: Phase::Running,
        waiting_for: None,
        accelerator: None,
        fallback_reason: None,
        errors: Vec::new(),
        started_at: Timestamp::now(),
        ssh_local_port: 0,
        driver_pid: None,
        config_digest: String::new(),
        guest_agent: None,
        forwards: std::collections::BTreeMap::new(),
        mounts: Vec::new(),
        networks: Vec::new(),
        disks: Vec::new(),
        held: None,
        free_disk_places: None,
        steps: None,
        reloads: 0,
    }
}
