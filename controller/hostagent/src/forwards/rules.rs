//! All rules of an instance, in order.

use limekiln_api::Lima;

use super::forward::HostEnd;
use super::{GuestListener, Rule};

/// The first rule that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Lima's two before, the instance's own, and Lima's last one.
    list: Vec<Rule>,
    /// Nothing of the guest's is looked at; only static rules count.
    plain: bool,
    /// TCP goes through SSH.
    by_ssh: bool,
}

/// What is to be done about a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is forwarded to there.
    Forward(HostEnd),
    /// It is not.
    Leave {
        /// Whether somebody should be told: not if all ports are ignored anyway.
        tell: bool,
    },
    /// A static rule has it.
    Static,
}

impl Rules {
    /// The rules of a configuration with all defaults, of an instance whose SSH port on the host
    /// is `ssh_port`.
    pub fn new(filled: &Lima, ssh_port: u16, by_ssh: bool) -> Self {
        let own = filled.port_forwards.iter().flatten().filter_map(Rule::new);
        let before = [22, ssh_port].into_iter().filter(|port| *port != 0).map(Rule::never);
        Self {
            list: before.chain(own).chain([Rule::same_port()]).collect(),
            plain: filled.plain == Some(true),
            by_ssh,
        }
    }

    /// What is to be done about a listener in the guest.
    pub fn decide(&self, listener: &GuestListener) -> Decision {
        if self.statics().any(|rule| rule.guest_ports.contains(&listener.address.port())) {
            return Decision::Static;
        }
        let rule = self.list.iter().find(|rule| rule.matches(listener));
        let end = rule
            .filter(|rule| !rule.ignore)
            .and_then(|rule| rule.host_end(listener.address.port()));
        match end {
            Some(end) => Decision::Forward(end),
            None => Decision::Leave { tell: !self.ignores_all(listener) },
        }
    }

    /// Static rules for ports. As with Lima, the port alone counts, whatever the address.
    pub(super) fn statics(&self) -> impl Iterator<Item = &Rule> {
        self.list
            .iter()
            .filter(|rule| rule.is_static && !rule.ignore && rule.guest_socket.is_none())
    }

    /// Rules for sockets of the guest. In plain mode only static ones count.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Rule> {
        let counts = |rule: &&Rule| {
            rule.guest_socket.is_some() && !rule.ignore && (rule.is_static || !self.plain)
        };
        self.list.iter().filter(counts)
    }

    /// Whether TCP goes through SSH.
    pub(super) fn by_ssh(&self) -> bool {
        self.by_ssh
    }

    /// Whether the guest has no agent.
    pub(super) fn plain(&self) -> bool {
        self.plain
    }

    /// Whether the first of the instance's own rules say that nothing is forwarded.
    fn ignores_all(&self, listener: &GuestListener) -> bool {
        let leading = self.list.iter().take_while(|rule| rule.ignore);
        leading.into_iter().any(|rule| rule.ignores_all(listener.protocol))
    }
}
