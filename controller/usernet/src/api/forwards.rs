//! Ports of the host that lead to guests, as the API names them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use serde::{Deserialize, Serialize};

use crate::gateway::{Forward, Listener};
use crate::mail::{Mail, Mailbox};

/// What listens where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Local {
    /// An address with a port, or the path of a socket.
    pub local: String,
    /// `tcp`, `udp` or `unix`; `tcp` unless given.
    #[serde(default = "tcp")]
    pub protocol: String,
}

/// A port of the host that leads to a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposed {
    /// What listens on the host.
    #[serde(flatten)]
    pub at: Local,
    /// The guest's address and port.
    pub remote: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}

/// Why a forward can't be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another one has the place; Lima's words.
    #[error("proxy already running")]
    Running,
    /// There is none; Lima's words.
    #[error("proxy not found")]
    Unknown,
    /// It isn't understood.
    #[error("{0:?} is no {1}")]
    Text(String, &'static str),
    /// The operating system refuses.
    #[error("cannot listen on {0}")]
    Listen(String, #[source] io::Error),
}

/// All that there are.
#[derive(Debug, Default)]
pub struct Forwards {
    all: BTreeMap<Local, (u64, String)>,
    next: u64,
    /// Whether nothing is to listen: for fuzz targets.
    deaf: bool,
}

impl Forwards {
    /// None, of which none will listen: for fuzz targets, which are to reach nothing.
    pub fn deaf() -> Self {
        Self { deaf: true, ..Self::default() }
    }

    /// Begins to listen. Asked once more for the same, it does nothing.
    ///
    /// # Errors
    /// Another forward or program has the port, or the words can't be understood.
    pub fn expose(&mut self, mailbox: &Mailbox, wanted: &Exposed) -> Result<(), Error> {
        if let Some((_, remote)) = self.all.get(&wanted.at) {
            return if *remote == wanted.remote { Ok(()) } else { Err(Error::Running) };
        }
        let remote = wanted.remote.strip_prefix("tcp://").unwrap_or(&wanted.remote);
        let guest: SocketAddrV4 =
            remote.parse().map_err(|_| Error::Text(remote.to_owned(), "address of a guest"))?;
        let listener = if self.deaf { nobody(&wanted.at)? } else { listen(&wanted.at)? };
        self.next += 1;
        mailbox.post(Mail::Forward(Forward { id: self.next, listener, guest }));
        self.all.insert(wanted.at.clone(), (self.next, wanted.remote.clone()));
        Ok(())
    }

    /// No longer listens.
    ///
    /// # Errors
    /// It doesn't.
    pub fn unexpose(&mut self, mailbox: &Mailbox, at: &Local) -> Result<(), Error> {
        let (id, _) = self.all.remove(at).ok_or(Error::Unknown)?;
        mailbox.post(Mail::Unforward(id));
        Ok(())
    }

    /// All of them.
    pub fn all(&self) -> Vec<Exposed> {
        let exposed = |(at, (_, remote)): (&Local, &(u64, String))| Exposed {
            at: at.clone(),
            remote: remote.clone(),
        };
        self.all.iter().map(exposed).collect()
    }
}

/// All that [`listen`] looks at, and a listener at which nobody arrives.
fn nobody(at: &Local) -> Result<Listener, Error> {
    match at.protocol.as_str() {
        "tcp" | "udp" => drop(address(&at.local)?),
        "unix" => {}
        other => return Err(Error::Text(other.to_owned(), "protocol (tcp, udp, unix)")),
    }
    let pair = std::os::unix::net::UnixStream::pair();
    let (one, _) = pair.map_err(|error| Error::Listen(at.local.clone(), error))?;
    Ok(Listener::Stream(one.into()))
}

fn listen(at: &Local) -> Result<Listener, Error> {
    let failed = |error| Error::Listen(at.local.clone(), error);
    match at.protocol.as_str() {
        "tcp" => {
            let listener = TcpListener::bind(address(&at.local)?).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            Ok(Listener::Stream(listener.into()))
        }
        "udp" => {
            let socket = UdpSocket::bind(address(&at.local)?).map_err(failed)?;
            socket.set_nonblocking(true).map_err(failed)?;
            Ok(Listener::Datagram(socket))
        }
        "unix" => {
            let listener = UnixListener::bind(&at.local).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            Ok(Listener::Stream(listener.into()))
        }
        other => Err(Error::Text(other.to_owned(), "protocol (tcp, udp, unix)")),
    }
}

/// An address; without a host part it is all of this machine's, as in Go.
fn address(text: &str) -> Result<SocketAddr, Error> {
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let whole = whole.replace("localhost:", "127.0.0.1:");
    whole.parse().map_err(|_| Error::Text(text.to_owned(), "address with a port"))
}

#[cfg(test)]
mod tests {
    use super::{Exposed, address};

    #[test]
    fn limas_words_are_read() {
        let text = r#"{"local":"127.0.0.1:60022","remote":"192.168.104.1:22","protocol":"tcp"}"#;
        let exposed: Exposed = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&exposed).unwrap().len(), text.len());
        assert_eq!(address(":80").unwrap().to_string(), "0.0.0.0:80");
        assert!(address("80").is_err());
    }
}
