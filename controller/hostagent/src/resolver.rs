//! The name server for a guest on QEMU's own network (`hostResolver`).
//!
//! It listens on 127.0.0.1, which such a guest reaches by its gateway; the guest agent brings the
//! queries of the guest's programs there. A user-v2 network has a server of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use limekiln_dns::{Known, Lookups, Names, Target, Upstream, connection, datagram, plain};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::spec::{GuestSpec, Link, ResolverSpec};
use crate::user_network::{GUEST, HOST};

/// Datagrams, and connections, that are answered at once.
const AT_ONCE: (usize, usize) = (64, 32);

/// Where it listens on 127.0.0.1. A guest knows the ports until it boots again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsPorts {
    /// For datagrams.
    pub udp: u16,
    /// For connections.
    pub tcp: u16,
}

/// Names of one instance, which change while its guest runs.
#[derive(Debug)]
pub(crate) struct HostNames {
    own: Vec<(String, Target)>,
    hosts: Vec<(String, Target)>,
    ipv6: bool,
}

impl HostNames {
    fn new(hostname: &str, spec: &ResolverSpec) -> Self {
        let own = [("host.lima.internal", HOST), (hostname, GUEST)];
        let own = own.map(|(name, address)| (plain(name), Target::Address(address.into())));
        let mut names = Self { own: own.into(), hosts: Vec::new(), ipv6: false };
        names.set(spec);
        names
    }

    fn set(&mut self, spec: &ResolverSpec) {
        let pair = |(name, target): (&String, &String)| (plain(name), Target::of(target));
        self.hosts = spec.hosts.iter().map(pair).collect();
        self.ipv6 = spec.ipv6;
    }

    /// The manifest's names first: they may stand for a host of another kind.
    fn all(&self) -> impl Iterator<Item = &(String, Target)> {
        self.hosts.iter().chain(&self.own)
    }
}

impl Names for HostNames {
    fn find(&self, name: &str) -> Known {
        let name = plain(name);
        let found = self.all().find(|(known, _)| *known == name);
        found.map_or(Known::Nothing, |(_, target)| target.into())
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        let found = self.all().find(|(_, target)| *target == Target::Address(address));
        found.map(|(name, _)| name.clone())
    }

    fn ipv6(&self) -> bool {
        self.ipv6
    }
}

/// A server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) ports: DnsPorts,
    names: Arc<Mutex<HostNames>>,
    _tasks: JoinSet<()>,
}

impl Resolver {
    /// Starts a server if the guest is to have one: at the ports that the guest knows already, or at
    /// any that are free. Without, the guest asks QEMU, which knows none of the instance's names.
    pub(crate) fn start(guest: &GuestSpec, known: Option<DnsPorts>) -> Option<Self> {
        let asks = guest.resolver.enabled && !guest.plain && guest.dns.is_empty();
        let on_user_network = guest.nics.first().is_some_and(|nic| matches!(nic.link, Link::User));
        if !asks || !on_user_network {
            return None;
        }
        let names = HostNames::new(&guest.hostname, &guest.resolver);
        match Self::listen(names, known.unwrap_or(DnsPorts { udp: 0, tcp: 0 })) {
            Ok(server) => Some(server),
            Err(error) => {
                tracing::error!("names of `hostResolver` are not resolved: {error}");
                None
            }
        }
    }

    fn listen(names: HostNames, ports: DnsPorts) -> io::Result<Self> {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let udp = std::net::UdpSocket::bind(at(ports.udp))?;
        let tcp = std::net::TcpListener::bind(at(ports.tcp))?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let ports = DnsPorts { udp: udp.local_addr()?.port(), tcp: tcp.local_addr()?.port() };
        let (udp, tcp) = (UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?);
        let names = Arc::new(Mutex::new(names));
        let upstream = Upstream::Host(Lookups::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(datagrams(Arc::new(udp), Arc::clone(&names), upstream.clone()));
        tasks.spawn(connections(tcp, Arc::clone(&names), upstream));
        Ok(Self { ports, names, _tasks: tasks })
    }

    /// What takes in other names while the server runs.
    pub(crate) fn names(&self) -> NewNames {
        NewNames(Arc::clone(&self.names))
    }
}

/// Changes the names of a server.
#[derive(Clone, Debug)]
pub(crate) struct NewNames(Arc<Mutex<HostNames>>);

impl NewNames {
    /// Answers with these from now on.
    pub(crate) fn set(&self, spec: &ResolverSpec) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).set(spec);
    }
}

async fn datagrams(socket: Arc<UdpSocket>, names: Arc<Mutex<HostNames>>, upstream: Upstream) {
    let places = Arc::new(Semaphore::new(AT_ONCE.0));
    let mut query = vec![0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut query).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Too many: what is not answered is asked again.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (socket, query) = (Arc::clone(&socket), query[..length].to_vec());
        let (names, upstream) = (Arc::clone(&names), upstream.clone());
        tokio::spawn(async move {
            if let Some(answer) = datagram(&*names, &upstream, &query).await {
                let _ = socket.send_to(&answer, from).await;
            }
            drop(place);
        });
    }
}

async fn connections(listener: TcpListener, names: Arc<Mutex<HostNames>>, upstream: Upstream) {
    let places = Arc::new(Semaphore::new(AT_ONCE.1));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (names, upstream) = (Arc::clone(&names), upstream.clone());
        tokio::spawn(async move {
            connection(&*names, &upstream, stream).await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
    use hickory_proto::rr::{Name, RecordType};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    fn spec(ipv6: bool) -> ResolverSpec {
        let hosts = [("db.test", "10.0.0.9"), ("Alias.test", "db.test"), ("six.test", "fd00::9")];
        let hosts = hosts.map(|(name, target)| (name.to_owned(), target.to_owned()));
        ResolverSpec { enabled: true, ipv6, hosts: hosts.into() }
    }

    fn query(name: &str, kind: RecordType) -> Vec<u8> {
        let mut query = Message::query();
        query.metadata.op_code = OpCode::Query;
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        query.to_vec().unwrap()
    }

    /// The answer's code, and its records' data.
    fn told(bytes: &[u8]) -> (ResponseCode, Vec<String>) {
        let answer = Message::from_vec(bytes).unwrap();
        let data = answer.answers.iter().map(|record| record.data.to_string()).collect();
        (answer.metadata.response_code, data)
    }

    async fn ask(port: u16, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&query(name, kind), ("127.0.0.1", port)).await.unwrap();
        let mut bytes = [0; 4096];
        let (length, _) = socket.recv_from(&mut bytes).await.unwrap();
        told(&bytes[..length])
    }

    fn found(data: &[&str]) -> (ResponseCode, Vec<String>) {
        (ResponseCode::NoError, data.iter().map(|&text| text.to_owned()).collect())
    }

    #[tokio::test]
    async fn names_of_the_instance_and_of_the_host_are_told() {
        let names = HostNames::new("lima-it", &spec(false));
        let server = Resolver::listen(names, DnsPorts { udp: 0, tcp: 0 }).unwrap();
        let port = server.ports.udp;
        assert_eq!(ask(port, "host.LIMA.internal.", RecordType::A).await, found(&["192.168.5.2"]));
        assert_eq!(ask(port, "lima-it.", RecordType::A).await, found(&["192.168.5.15"]));
        let alias = ask(port, "alias.test.", RecordType::A).await;
        assert_eq!(alias, found(&["db.test.", "10.0.0.9"]));
        // From the host's own table.
        assert_eq!(ask(port, "localhost.", RecordType::A).await, found(&["127.0.0.1"]));
        let pointer = ask(port, "9.0.0.10.in-addr.arpa.", RecordType::PTR).await;
        assert_eq!(pointer, found(&["db.test."]));
        // A name of ours has no other records, and the host's servers are not asked.
        assert_eq!(ask(port, "db.test.", RecordType::TXT).await, found(&[]));
    }

    #[tokio::test]
    async fn ipv6_is_told_when_it_is_switched_on() {
        let server =
            Resolver::listen(HostNames::new("it", &spec(false)), DnsPorts { udp: 0, tcp: 0 });
        let server = server.unwrap();
        let port = server.ports.udp;
        assert_eq!(ask(port, "six.test.", RecordType::AAAA).await, found(&[]));
        server.names().set(&spec(true));
        assert_eq!(ask(port, "six.test.", RecordType::AAAA).await, found(&["fd00::9"]));
        assert_eq!(ask(port, "six.test.", RecordType::A).await, found(&[]));
    }

    #[tokio::test]
    async fn a_connection_is_answered_and_a_new_server_takes_the_same_ports() {
        let names = || HostNames::new("it", &spec(false));
        let server = Resolver::listen(names(), DnsPorts { udp: 0, tcp: 0 }).unwrap();
        let ports = server.ports;
        drop(server);
        tokio::task::yield_now().await;
        let _server = Resolver::listen(names(), ports).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", ports.tcp)).await.unwrap();
        let query = query("db.test.", RecordType::A);
        stream.write_u16(u16::try_from(query.len()).unwrap()).await.unwrap();
        stream.write_all(&query).await.unwrap();
        let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(told(&answer), found(&["10.0.0.9"]));
    }
}
