//! Port forwards: Lima's rules, and what they come to.
//!
//! - [`Rules`] is what `portForwards` says, with the rules that Lima puts before and after it.
//! - [`wanted`] is a pure function: rules and what listens in the guest, in; what to forward, out.
//! - [`Forwarder`] makes it so, again and again: it knows no difference between a port that
//!   appeared, a rule that changed, and a port of the host that has become free.
//!
//! A forward is carried by the guest agent's tunnel, or by SSH: sockets, static rules, and with
//! `LIMA_SSH_PORT_FORWARDER=true` all of TCP.

mod forward;
mod forwarder;
mod listener;
mod listening;
mod report;
mod rule;
mod rules;
mod socket;
mod ssh;
mod stream;
mod tunnels;
mod udp;
mod wanted;

pub use forward::{Carrier, Forward, ForwardKey, GuestEnd, HostEnd};
pub(crate) use forwarder::{Forwarder, Inputs};
pub use listener::{GuestListener, GuestProtocol};
pub(crate) use report::Report;
pub use rule::Rule;
pub use rules::{Decision, Rules};
pub(crate) use socket::replace as replace_socket;
pub use wanted::{MOST_FORWARDS, Refused, Wanted, wanted};
