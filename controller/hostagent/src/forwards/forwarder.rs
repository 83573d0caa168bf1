//! Makes the forwards be as they shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::forward::{Carrier, Forward, ForwardKey};
use super::listening::Listening;
use super::report::Report;
use super::ssh::{Master, SshForwards};
use super::tunnels::Tunnels;
use super::{GuestListener, Refused, Rules, Wanted, wanted};
use crate::guest::GuestClient;
use crate::ssh::Session;

/// After a failure, at first and at most: a port of the host may be free at any moment.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// A guest that changes its ports all the time is followed no quicker.
const PACE: Duration = Duration::from_millis(10);
/// Between looks whether the SSH connection is still the same; only while it carries anything.
const MASTER: Duration = Duration::from_secs(1);

/// What forwards follow from.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// What listens in the guest.
    pub(crate) listeners: watch::Receiver<Arc<BTreeSet<GuestListener>>>,
    /// The way into the guest, while there is one.
    pub(crate) client: watch::Receiver<Option<GuestClient>>,
    /// The rules, which change while the VM runs.
    pub(crate) rules: watch::Receiver<Arc<Rules>>,
}

/// Keeps the forwards of one instance.
#[derive(Debug)]
pub(crate) struct Forwarder {
    inputs: Inputs,
    tunnels: Tunnels,
    ssh: SshForwards,
    report: Report,
    running: BTreeMap<ForwardKey, Running>,
    refused: BTreeMap<GuestListener, Refused>,
    master: Option<Master>,
}

#[derive(Debug)]
struct Running {
    forward: Forward,
    state: State,
}

#[derive(Debug)]
enum State {
    Tunnel(Listening),
    Ssh,
    Waiting { until: Instant, pause: Duration, why: String },
}

impl State {
    fn fresh() -> Self {
        Self::Waiting { until: Instant::now(), pause: AGAIN.0, why: String::new() }
    }
}

impl Forwarder {
    pub(crate) fn new(inputs: Inputs, session: Session, report: Report) -> Self {
        Self {
            tunnels: Tunnels::new(inputs.client.clone()),
            ssh: SshForwards::new(session),
            inputs,
            report,
            running: BTreeMap::new(),
            refused: BTreeMap::new(),
            master: None,
        }
    }

    /// Works until `stop` is ready; then all forwards are gone.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = self.step() => {}
                () = &mut stop => break,
            }
        }
        // Those of SSH end with its connection, but for the files of their sockets.
        let running = std::mem::take(&mut self.running);
        for one in running.into_values() {
            if let State::Ssh = one.state {
                self.ssh.stop(&one.forward).await;
            }
        }
    }

    /// Makes it so, and waits for a reason to do it again. May be dropped at any await: the next
    /// step does what is left.
    async fn step(&mut self) {
        let rules = Arc::clone(&self.inputs.rules.borrow_and_update());
        let listeners = Arc::clone(&self.inputs.listeners.borrow_and_update());
        self.apply(wanted(&rules, &listeners)).await;
        sleep(PACE).await;
        let next = self.next_try();
        tokio::select! {
            Ok(()) = self.inputs.rules.changed() => {}
            Ok(()) = self.inputs.listeners.changed() => {}
            () = sleep_until(next) => {}
        }
    }

    async fn apply(&mut self, wanted: Wanted) {
        self.tell_refused(wanted.refused);
        let mut changed = self.end_others(&wanted.forwards).await;
        for (key, forward) in wanted.forwards {
            match self.running.get_mut(&key) {
                Some(running) => {
                    if let State::Tunnel(listening) = &running.state {
                        listening.retarget(&forward.guest);
                    }
                    running.forward = forward;
                }
                None => {
                    self.running.insert(key, Running { forward, state: State::fresh() });
                }
            }
        }
        self.mind_master();
        changed |= self.try_waiting().await;
        if changed {
            self.report.status(self.running.iter().map(|(key, running)| {
                let why = match &running.state {
                    State::Waiting { why, .. } => Some(why.as_str()),
                    State::Tunnel(_) | State::Ssh => None,
                };
                (key, &running.forward, why)
            }));
        }
    }

    fn tell_refused(&mut self, refused: BTreeMap<GuestListener, Refused>) {
        for (listener, why) in &refused {
            if self.refused.get(listener) != Some(why) {
                self.report.refused(listener, *why);
            }
        }
        self.refused = refused;
    }

    /// Ends what shall not be, or not so. A tunnel's forward only gets another target.
    async fn end_others(&mut self, wanted: &BTreeMap<ForwardKey, Forward>) -> bool {
        let stays = |key: &ForwardKey, running: &Running| {
            wanted.get(key).is_some_and(|forward| {
                let Forward { carrier, reverse, guest, host, .. } = &running.forward;
                let same = *carrier == forward.carrier && *reverse == forward.reverse;
                let moves = *carrier == Carrier::Tunnel;
                same && (moves || (*guest == forward.guest && *host == forward.host))
            })
        };
        let gone: Vec<ForwardKey> = self
            .running
            .iter()
            .filter(|(key, one)| !stays(key, one))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &gone {
            let Some(Running { forward, state }) = self.running.remove(key) else { continue };
            match state {
                State::Waiting { .. } => continue,
                State::Tunnel(listening) => drop(listening),
                State::Ssh => self.ssh.stop(&forward).await,
            }
            self.report.stopping(&forward);
        }
        !gone.is_empty()
    }

    /// What an SSH connection carried is gone with it, and is set up again over the next one.
    fn mind_master(&mut self) {
        if !self.running.values().any(|running| running.forward.carrier == Carrier::Ssh) {
            return;
        }
        let master = self.ssh.master();
        if master != self.master {
            self.master = master;
            for running in self.running.values_mut() {
                if let State::Ssh = running.state {
                    running.state = State::fresh();
                }
            }
        }
    }

    /// Tries what is due; tunnels first, for they take no time. Whether anything changed.
    async fn try_waiting(&mut self) -> bool {
        let now = Instant::now();
        let due = |running: &Running| matches!(&running.state, State::Waiting { until, .. } if *until <= now);
        let mut keys: Vec<ForwardKey> =
            self.running.iter().filter(|(_, one)| due(one)).map(|(key, _)| key.clone()).collect();
        keys.sort_by_key(|key| {
            self.running.get(key).is_some_and(|one| one.forward.carrier == Carrier::Ssh)
        });
        for key in &keys {
            let Some(running) = self.running.get_mut(key) else { continue };
            let tried = match running.forward.carrier {
                Carrier::Tunnel => {
                    Listening::open(&running.forward, &self.tunnels).await.map(State::Tunnel)
                }
                // Before the guest lets anybody in there is no connection, and nobody to blame.
                Carrier::Ssh if self.master.is_none() => {
                    running.state = State::fresh().later(String::new());
                    continue;
                }
                Carrier::Ssh => self.ssh.start(&running.forward).await.map(|()| State::Ssh),
            };
            running.settle(tried, &mut self.report);
        }
        !keys.is_empty()
    }

    /// When something is to be tried again, or the SSH connection looked at.
    fn next_try(&self) -> Instant {
        let now = Instant::now();
        let waiting = self.running.values().map(|running| match &running.state {
            State::Waiting { until, .. } => *until,
            State::Ssh => now + MASTER,
            State::Tunnel(_) => now + Duration::from_secs(3600),
        });
        waiting.min().unwrap_or(now + Duration::from_secs(3600))
    }
}

impl State {
    /// Waits longer than before.
    fn later(self, why: String) -> Self {
        let pause = match self {
            Self::Waiting { pause, .. } => pause,
            Self::Tunnel(_) | Self::Ssh => AGAIN.0,
        };
        let until = Instant::now() + pause;
        Self::Waiting { until, pause: (pause * 2).min(AGAIN.1), why }
    }
}

impl Running {
    /// What came of a try. The same failure is told once.
    fn settle(&mut self, tried: io::Result<State>, report: &mut Report) {
        match tried {
            Ok(state) => {
                self.state = state;
                report.forwarding(&self.forward);
            }
            Err(error) => {
                let why = explained(&self.forward, &error);
                let state = std::mem::replace(&mut self.state, State::Ssh);
                let told = matches!(&state, State::Waiting { why: told, .. } if *told == why);
                if !told {
                    report.failed(&self.forward, &why);
                }
                self.state = state.later(why);
            }
        }
    }
}

/// Why, and what to do.
fn explained(forward: &Forward, error: &io::Error) -> String {
    let host = &forward.host;
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{host} is taken on the host; it is forwarded as soon as it is free")
        }
        io::ErrorKind::PermissionDenied => format!(
            "{host} is not allowed for this user: choose a hostPort from 1024 on, or lower \
             net.ipv4.ip_unprivileged_port_start"
        ),
        io::ErrorKind::AddrNotAvailable => format!("the host has no address {host}"),
        _ => error.to_string(),
    }
}
