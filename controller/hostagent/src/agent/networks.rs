//! Keeping a VM on its networks: their daemons run, its cards are connected, its names are known,
//! and its SSH port leads to it, also when a daemon was killed and runs anew.
//!
//! A daemon has no memory of what it was told, and nobody else is sure to be there when it dies:
//! a controller may not run, and the other instances know nothing of this one.

use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::agent::Agent;
use crate::api::{NetworkStatus, Shared};
use crate::driver::{Links, Machine};
use crate::network::{DnsRecord, Endpoint, NetworkError, program};
use crate::process;
use crate::spec::{Link, Nic, UserV2, VmSpec};
use crate::user_network;
use crate::{Error, chain};

/// After a failure, before the next try: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Between looks for the guest's lease: at first, when it may boot, and later.
const LEASE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long a guest's boot is looked for so eagerly.
const EAGER: Duration = Duration::from_secs(60);
/// Between looks at sockets of the user's, whose daemon nobody knows.
const LOOK: Duration = Duration::from_secs(2);
/// QEMU has so long to make a connection that it was started with, and so long to see that one
/// which has just been made is broken.
const CONNECTING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(100));
/// What a daemon gets to end a forward; it may just be gone.
const END: Duration = Duration::from_secs(2);

/// Ends when it is dropped, or with [`Networks::end`].
#[derive(Debug)]
pub(super) struct Networks {
    _tasks: JoinSet<()>,
    /// Who holds the SSH port.
    first: Option<Endpoint>,
    ssh_port: u16,
}

impl Agent {
    /// The status of networks before anything is known, in the order of the cards.
    pub(super) fn announce_networks(&self) {
        let networks = self.spec.nics.iter().map(status).collect();
        self.shared.update(|status| status.networks = networks);
    }

    /// Makes sure that the daemons of all networks run.
    ///
    /// # Errors
    /// One can't be started.
    pub(super) async fn start_networks(&self) -> Result<(), NetworkError> {
        for network in self.spec.nics.iter().filter_map(|nic| nic.link.user_v2()) {
            self.shared.waits_for(&format!("the daemon of network/{}", network.name));
            network.daemon.ensure(&program(), &network.spec).await?;
        }
        Ok(())
    }

    /// Tells the daemons which process the VM is, and only then lets its guest say its first word:
    /// with that it could take another's hardware address, and with it that one's name.
    ///
    /// # Errors
    /// A daemon does not answer, or another VM has the address; or the hypervisor does not answer.
    pub(super) async fn introduce(&self, machine: &dyn Machine) -> Result<(), Error> {
        if !self.spec.is_introduced() {
            return Ok(());
        }
        for network in self.spec.nics.iter().filter_map(|nic| nic.link.user_v2()) {
            self.shared.waits_for(&format!("the daemon of network/{}", network.name));
            // It may have been killed meanwhile.
            network.daemon.ensure(&program(), &network.spec).await?;
            let cards = cards(&self.spec, network);
            network.daemon.endpoint().tell_vm(machine.process().pid(), &cards).await?;
        }
        Ok(machine.begin().await?)
    }

    /// Begins to keep the cards of a VM that runs.
    pub(super) fn keep_networks(&self, machine: &dyn Machine) -> Networks {
        let links = machine.links();
        let vm = (machine.process().pid(), machine.process().start_time());
        let mut tasks = JoinSet::new();
        let mut sockets = false;
        for (index, nic) in self.spec.nics.iter().enumerate() {
            sockets |= matches!(nic.link, Link::Socket(_));
            let Some(network) = nic.link.user_v2() else { continue };
            let keeper = Keeper {
                index,
                mac: nic.mac.clone(),
                vm,
                network: network.clone(),
                names: self.names(index, network),
                spec: self.spec.clone(),
                links: Arc::clone(&links),
                shared: Arc::clone(&self.shared),
            };
            tasks.spawn(keeper.keep());
        }
        if sockets {
            tasks.spawn(keep_sockets(links, self.spec.clone()));
        }
        let first = self.spec.nics.first().and_then(|nic| nic.link.user_v2());
        let first = first.map(|network| network.daemon.endpoint());
        Networks { _tasks: tasks, first, ssh_port: self.spec.ssh_port }
    }

    /// Names that guests of the network can look up, apart from this instance's own.
    fn names(&self, index: usize, network: &UserV2) -> Vec<DnsRecord> {
        let gateway = network.spec.user_v2_gateway().filter(|_| index == 0);
        let host = |address| DnsRecord { name: "host.lima.internal".to_owned(), address };
        gateway.map(host).into_iter().collect()
    }
}

impl Networks {
    /// Gives the SSH port back.
    pub(super) async fn end(self) {
        if let Some(endpoint) = &self.first {
            // A daemon that is gone holds no port, and one that hangs is not waited for.
            let _ = timeout(END, endpoint.unexpose(self.ssh_port)).await;
        }
    }
}

/// The addresses of a VM's cards on the network.
fn cards(spec: &VmSpec, network: &UserV2) -> Vec<String> {
    let on_it = |nic: &&Nic| nic.link.user_v2().is_some_and(|other| other.name == network.name);
    spec.nics.iter().filter(on_it).map(|nic| nic.mac.clone()).collect()
}

fn status(nic: &Nic) -> NetworkStatus {
    let network = nic.link.user_v2().map(|network| network.name.clone());
    let address = match &nic.link {
        Link::User => Some(user_network::GUEST),
        _ => None,
    };
    NetworkStatus {
        interface: nic.interface.clone(),
        mac: nic.mac.clone(),
        network,
        address,
        reason: None,
    }
}

/// Keeps one card on its user-v2 network.
struct Keeper {
    index: usize,
    mac: String,
    /// The VM's process: its pid, and when it started.
    vm: (u32, u64),
    network: UserV2,
    names: Vec<DnsRecord>,
    spec: VmSpec,
    links: Arc<dyn Links>,
    shared: Arc<Shared>,
}

impl Keeper {
    async fn keep(self) {
        let mut pause = AGAIN.0;
        for round in 0.. {
            match self.once(round > 0).await {
                // The daemon has ended: the next one is there at once.
                Ok(()) => pause = AGAIN.0,
                Err(error) => {
                    self.tell(|status| status.reason = Some(error.clone()));
                    tracing::warn!("{error}");
                    sleep(pause).await;
                    pause = (pause * 2).min(AGAIN.1);
                }
            }
        }
    }

    /// From a daemon that runs to its end.
    async fn once(&self, anew: bool) -> Result<(), String> {
        let daemon = &self.network.daemon;
        daemon.ensure(&program(), &self.network.spec).await.map_err(|error| chain(&error))?;
        let Some(process) = daemon.process() else { return Ok(()) };
        let serve = async {
            self.introduce().await.map_err(|error| chain(&error))?;
            // At first QEMU itself may be about to connect.
            let patience = if anew { CONNECTING.1 } else { CONNECTING.0 };
            let links = &self.links;
            let again = links.connect_again(&self.spec, &self.network.name, patience).await;
            match again.map_err(|error| chain(&error))? {
                0 => {}
                _ => tracing::info!("network/{}: connected again", self.network.name),
            }
            if anew {
                self.links.announce().await.map_err(|error| chain(&error))?;
            }
            self.register(&daemon.endpoint()).await.map_err(|error| chain(&error))?;
            self.tell(|status| status.reason = None);
            pending().await
        };
        tokio::select! {
            error = serve => error,
            () = process.exited() => {
                tracing::warn!("the daemon of network/{} ended", self.network.name);
                Ok(())
            }
        }
    }

    /// Tells a daemon which process the VM is, before it connects again. A daemon that was started
    /// anew knows it by its file, unless that is gone.
    async fn introduce(&self) -> Result<(), NetworkError> {
        let (pid, start_time) = self.vm;
        if process::start_time(pid) != Some(start_time) {
            // It has ended, and another may get its number.
            return Ok(());
        }
        self.network.daemon.endpoint().tell_vm(pid, &cards(&self.spec, &self.network)).await
    }

    /// Tells a daemon all that it must know of this instance.
    async fn register(&self, endpoint: &Endpoint) -> Result<(), NetworkError> {
        endpoint.add_names(&self.names).await?;
        let address = self.address(endpoint).await?;
        if self.index == 0 {
            endpoint.expose(self.spec.ssh_port, (address, 22)).await?;
        }
        let name = format!("lima-{}.internal", self.spec.name);
        endpoint.add_names(&[DnsRecord { name, address }]).await?;
        self.tell(|status| status.address = Some(address));
        Ok(())
    }

    /// The guest's address, as soon as it has one.
    async fn address(&self, endpoint: &Endpoint) -> Result<Ipv4Addr, NetworkError> {
        let begun = Instant::now();
        loop {
            let leases = endpoint.leases().await?;
            if let Some((address, _)) = leases.iter().find(|(_, mac)| **mac == self.mac) {
                self.network.daemon.note_leases(&leases).await?;
                return Ok(*address);
            }
            sleep(if begun.elapsed() < EAGER { LEASE.0 } else { LEASE.1 }).await;
        }
    }

    fn tell(&self, change: impl FnOnce(&mut NetworkStatus)) {
        self.shared.update(|status| {
            if let Some(network) = status.networks.get_mut(self.index) {
                change(network);
            }
        });
    }
}

/// Sockets of daemons that nobody watches.
async fn keep_sockets(links: Arc<dyn Links>, spec: VmSpec) {
    if spec.reconnect != crate::spec::Reconnect::ByHostAgent {
        return;
    }
    loop {
        sleep(LOOK).await;
        let here = |nic: &Nic| matches!(&nic.link, Link::Socket(socket) if socket.exists());
        if spec.nics.iter().any(here)
            && let Err(error) = links.connect_again(&spec, "", LOOK).await
        {
            tracing::debug!("{}", chain(&error));
        }
    }
}
