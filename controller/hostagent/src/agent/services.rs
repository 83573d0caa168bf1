//! What runs beside a VM: the connection to its guest agent, port forwards, and announcements of
//! changed files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::agent::Agent;
use crate::forwards::{Forwarder, Inputs, Report, Rules};
use crate::guest::{self, Link};
use crate::spec::filled;
use crate::{Error, HostAgentArgs, chain};

/// As long as Lima waits for the agent of a guest that is up otherwise.
const AGENT: Duration = Duration::from_secs(60);
/// SSH may hang with the guest; its forwards are gone with it anyway.
const STOP: Duration = Duration::from_secs(3);

/// They end with [`Services::stop`], or when this is dropped.
#[derive(Debug)]
pub(super) struct Services {
    link: Arc<Link>,
    linking: Option<AbortOnDropHandle<()>>,
    _telling: AbortOnDropHandle<()>,
    forwarding: AbortOnDropHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Agent {
    /// Starts them. They wait for the guest by themselves.
    pub(super) fn start_services(&self) -> Services {
        let link = Arc::new(Link::new());
        let linking = (!self.guest.plain).then(|| {
            let (link, session) = (Arc::clone(&link), self.session.clone());
            let (files, shared) = (self.spec.files.clone(), Arc::clone(&self.shared));
            spawn(async move { link.keep(&files, &session, &shared).await })
        });
        let telling = spawn(self.tell_changes(link.client()));
        let inputs = Inputs {
            client: link.client(),
            listeners: link.listeners(),
            rules: self.follow_rules(),
        };
        let report = Report::new(Arc::clone(&self.events), Arc::clone(&self.shared));
        let forwarder = Forwarder::new(inputs, self.session.clone(), report);
        let (stop, stopped) = oneshot::channel::<()>();
        let forwarding = spawn(forwarder.run(async move {
            let _ = stopped.await;
        }));
        Services { link, linking, _telling: telling, forwarding, stop: Some(stop) }
    }

    /// The rules in `lima.yaml`, now and each time that the API is told of a change.
    fn follow_rules(&self) -> watch::Receiver<Arc<Rules>> {
        let source = RuleSource { args: self.args.clone(), ssh_port: self.spec.ssh_port };
        let rules = source.read().unwrap_or_else(|error| {
            tracing::error!("cannot read the port forwards: {}", chain(&error));
            Rules::new(&limekiln_api::Lima::default(), source.ssh_port, false)
        });
        let (sender, receiver) = watch::channel(Arc::new(rules));
        self.shared.on_new_forwards(move || {
            let rules = source.read().map_err(|error| chain(&error))?;
            sender.send_replace(Arc::new(rules));
            Ok(())
        });
        receiver
    }
}

impl Services {
    /// Waits until the guest agent answers.
    ///
    /// # Errors
    /// It does not, in words.
    pub(super) async fn guest_agent(&self) -> Result<(), String> {
        if self.linking.is_none() {
            return Ok(());
        }
        let mut client = self.link.client();
        let answered = timeout(AGENT, client.wait_for(Option::is_some)).await.is_ok();
        if answered {
            return Ok(());
        }
        let seconds = AGENT.as_secs();
        Err(format!("the guest agent did not answer within {seconds} s: ports are not forwarded"))
    }

    /// Takes down what would outlive the host agent.
    pub(super) async fn stop(mut self, agent: &Agent) {
        // Dropped, it means the same.
        drop(self.stop.take());
        let gone = async {
            let _ = (&mut self.forwarding).await;
            if let Some(linking) = &self.linking {
                linking.abort();
                guest::close(&agent.spec.files, &agent.session).await;
            }
        };
        let _ = timeout(STOP, gone).await;
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task))
}

/// Where rules come from: a file that changes while the VM runs.
#[derive(Debug)]
struct RuleSource {
    args: HostAgentArgs,
    ssh_port: u16,
}

impl RuleSource {
    fn read(&self) -> Result<Rules, Error> {
        let yaml: PathBuf = self.args.instance_dir.join("lima.yaml");
        let lima = filled(&self.args, &yaml)?;
        Ok(Rules::new(&lima, self.ssh_port, by_ssh()))
    }
}

/// Lima's switch, with the words for true of Go's strconv.ParseBool.
fn by_ssh() -> bool {
    let value = std::env::var("LIMA_SSH_PORT_FORWARDER").unwrap_or_default();
    matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
}
