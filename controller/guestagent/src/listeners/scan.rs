//! One look.

use std::collections::BTreeSet;
use std::io;

use super::netlink::Netlink;
use super::{Listener, procfs};

/// So many are reported. A host could not forward more anyway, and a program in the guest that
/// listens everywhere must not use up the memory of either side.
pub const MOST: usize = 8192;

/// So many sockets are looked at: several may share a port.
const LOOKED_AT: usize = 4 * MOST;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// What listens, each once.
    pub listeners: BTreeSet<Listener>,
    /// What could not be found out, in words.
    pub errors: Vec<String>,
}

/// Looks by netlink while that works.
#[derive(Debug, Default)]
pub struct Scanner {
    netlink: Option<Netlink>,
    refused: bool,
}

impl Scanner {
    /// What listens now.
    ///
    /// # Errors
    /// Neither way works; that does not mean that nothing listens.
    pub fn scan(&mut self) -> io::Result<Scan> {
        self.list().map(bounded)
    }

    fn list(&mut self) -> io::Result<Vec<Listener>> {
        if !self.refused {
            match self.by_netlink() {
                Ok(found) => return Ok(found),
                Err(error) => {
                    eprintln!("limekiln-guestagent: reads /proc/net, for netlink fails: {error}");
                    self.refused = true;
                }
            }
        }
        procfs::list(LOOKED_AT)
    }

    /// Once more with a new socket: an answer that was cut off spoils the socket, not the next.
    fn by_netlink(&mut self) -> io::Result<Vec<Listener>> {
        if let Some(netlink) = &mut self.netlink
            && let Ok(found) = netlink.list(LOOKED_AT)
        {
            return Ok(found);
        }
        let mut netlink = Netlink::open()?;
        let found = netlink.list(LOOKED_AT)?;
        self.netlink = Some(netlink);
        Ok(found)
    }
}

fn bounded(found: Vec<Listener>) -> Scan {
    let mut listeners: BTreeSet<Listener> = found.into_iter().collect();
    let mut errors = Vec::new();
    if listeners.len() > MOST {
        errors.push(format!("more than {MOST} sockets listen; only the lowest ports are reported"));
        while listeners.len() > MOST {
            listeners.pop_last();
        }
    }
    Scan { listeners, errors }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::listeners::Protocol;

    fn opened() -> (TcpListener, TcpListener, UdpSocket, [Listener; 3]) {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0").unwrap();
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        let of = |protocol, address: std::net::SocketAddr| Listener {
            port: address.port(),
            protocol,
            ip: address.ip(),
        };
        let wanted = [
            of(Protocol::Tcp, four.local_addr().unwrap()),
            of(Protocol::Tcp, six.local_addr().unwrap()),
            of(Protocol::Udp, udp.local_addr().unwrap()),
        ];
        (four, six, udp, wanted)
    }

    #[test]
    fn both_ways_find_what_listens_and_not_what_is_gone() {
        let (four, six, udp, wanted) = opened();
        let mut scanner = Scanner::default();
        let seen = scanner.scan().unwrap();
        assert!(!scanner.refused, "netlink works on every kernel that tests run on");
        let tables: BTreeSet<_> = procfs::list(LOOKED_AT).unwrap().into_iter().collect();
        for listener in wanted {
            assert!(seen.listeners.contains(&listener), "{listener:?} by netlink");
            assert!(tables.contains(&listener), "{listener:?} by /proc/net");
        }
        drop((four, six, udp));
        let after = scanner.scan().unwrap();
        assert!(wanted.iter().all(|listener| !after.listeners.contains(listener)));
    }

    #[test]
    fn a_guest_that_listens_everywhere_is_cut_short() {
        let all = (1..=u16::MAX).map(|port| Listener {
            port,
            protocol: Protocol::Tcp,
            ip: [127, 0, 0, 1].into(),
        });
        let scan = bounded(all.collect());
        assert_eq!(scan.listeners.len(), MOST);
        assert_eq!(scan.listeners.last().map(|last| usize::from(last.port)), Some(MOST));
        assert!(scan.errors[0].contains("8192"), "{:?}", scan.errors);
    }
}
