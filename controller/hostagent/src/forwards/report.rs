//! What people are told about forwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::forward::Forward;
use super::{ForwardKey, GuestListener, Refused};
use crate::api::Shared;
use crate::events::{EventWriter, PortForward, PortForwardType};

/// A guest may open and close ports without end, and the log is a file of the host: so many lines
/// at once, and one more per second.
const BURST: f64 = 1024.0;
const PER_SECOND: f64 = 1.0;

/// So many forwards are in the status.
const SHOWN: usize = 256;

/// Writes events and the status.
#[derive(Debug)]
pub(crate) struct Report {
    events: Arc<EventWriter>,
    shared: Arc<Shared>,
    left: f64,
    since: Instant,
    unsaid: u64,
}

impl Report {
    pub(crate) fn new(events: Arc<EventWriter>, shared: Arc<Shared>) -> Self {
        Self { events, shared, left: BURST, since: Instant::now(), unsaid: 0 }
    }

    pub(super) fn forwarding(&mut self, forward: &Forward) {
        if self.say(PortForwardType::Forwarding, forward, String::new()) {
            tracing::info!("forwarding {}", about(forward));
        }
    }

    pub(super) fn stopping(&mut self, forward: &Forward) {
        self.say(PortForwardType::Stopping, forward, String::new());
    }

    pub(super) fn failed(&mut self, forward: &Forward, why: &str) {
        if self.say(PortForwardType::Failed, forward, why.to_owned()) {
            tracing::warn!("cannot forward {} yet: {why}", about(forward));
        }
    }

    pub(super) fn refused(&mut self, listener: &GuestListener, why: Refused) {
        let error = match why {
            Refused::ByRule => String::new(),
            Refused::TooMany => {
                format!("more than {} ports are not forwarded", super::MOST_FORWARDS)
            }
        };
        let event = PortForward {
            r#type: PortForwardType::NotForwarding,
            protocol: listener.protocol.word().to_owned(),
            guest_addr: listener.address.to_string(),
            host_addr: String::new(),
            error,
        };
        self.write(event, BURST / 2.0);
    }

    /// The forwards as they are now, with what is wrong with them.
    pub(super) fn status<'a>(
        &self,
        forwards: impl Iterator<Item = (&'a ForwardKey, &'a Forward, Option<&'a str>)>,
    ) {
        let lines: BTreeMap<_, _> = forwards
            .take(SHOWN)
            .map(|(_, forward, error)| (about(forward), error.map(ToOwned::to_owned)))
            .collect();
        self.shared.update(|status| status.forwards = lines);
    }

    fn say(&mut self, r#type: PortForwardType, forward: &Forward, error: String) -> bool {
        let event = PortForward {
            r#type,
            protocol: forward.protocol.word().to_owned(),
            guest_addr: forward.guest.to_string(),
            host_addr: forward.host.to_string(),
            error,
        };
        self.write(event, 1.0)
    }

    /// Whether it was written: only while more than `reserve` lines are left. What is not forwarded
    /// must not use up what is needed to tell of what is.
    fn write(&mut self, event: PortForward, reserve: f64) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.since).as_secs_f64() * PER_SECOND;
        (self.left, self.since) = ((self.left + earned).min(BURST), now);
        if self.left < reserve {
            if self.unsaid == 0 {
                tracing::warn!(
                    "the guest changes its ports very often: not every change is logged"
                );
            }
            self.unsaid += 1;
            return false;
        }
        self.left -= 1.0;
        self.events.emit_port(event);
        true
    }
}

fn about(forward: &Forward) -> String {
    let arrow = if forward.reverse { "from" } else { "to" };
    let Forward { protocol, host, guest, .. } = forward;
    format!("{} {host} {arrow} {guest}", protocol.word())
}
