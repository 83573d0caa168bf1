//! The host's resolver in the guest.
//!
//! QEMU's user network has a name server at an address of its own, which asks the host's first
//! server and knows none of the instance's names. The host agent has one that does, on a port of the
//! host that programs in the guest can't name. So the address itself is served here: it is given to
//! the guest's card, and what comes to it is passed on. Lima redirects packets to that end, which
//! needs iptables in the guest. While nothing serves the address, QEMU does.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

const PORT: u16 = 53;
/// Programs ask again after five seconds.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long a connection may be open.
const CONNECTION: Duration = Duration::from_secs(60);
/// How often it is seen whether the card still has the address: a network manager may take it.
const LOOK: Duration = Duration::from_secs(5);
/// How soon it is looked for a card that is not there yet.
const AGAIN: Duration = Duration::from_millis(250);
/// Datagrams, and connections, that are passed on at once.
const AT_ONCE: (usize, usize) = (128, 32);

/// Whose queries go where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsArgs {
    /// The address that programs in the guest ask.
    pub at: Ipv4Addr,
    /// The host, as the guest reaches it.
    pub host: Ipv4Addr,
    /// The port of the host agent's server for datagrams.
    pub udp: u16,
    /// For connections.
    pub tcp: u16,
}

impl fmt::Display for DnsArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, host, udp, tcp } = self;
        write!(f, "{at}={host}:{udp}:{tcp}")
    }
}

impl FromStr for DnsArgs {
    type Err = ();

    /// Reads `ADDRESS=HOST:UDP:TCP`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, to) = text.split_once('=').ok_or(())?;
        let mut parts = to.split(':');
        let mut next = || parts.next().ok_or(());
        let host = next()?.parse().map_err(drop)?;
        let (udp, tcp) = (next()?.parse().map_err(drop)?, next()?.parse().map_err(drop)?);
        Ok(Self { at: at.parse().map_err(drop)?, host, udp, tcp })
    }
}

/// Serves the address for good.
pub(crate) async fn serve(args: DnsArgs) {
    let sockets = match sockets(args.at) {
        Ok(sockets) => sockets,
        Err(error) => {
            eprintln!("limekiln-guestagent: cannot serve {}:{PORT}: {error}", args.at);
            return;
        }
    };
    let (datagrams, connections) = sockets;
    tokio::join!(
        keep_address(args),
        pass_datagrams(Arc::new(datagrams), (args.host, args.udp).into()),
        pass_connections(connections, (args.host, args.tcp).into()),
    );
}

/// Bound before the card has the address: from then on no query finds nobody.
fn sockets(at: Ipv4Addr) -> io::Result<(UdpSocket, TcpListener)> {
    let udp = std::net::UdpSocket::from(free_bound(at, SocketType::DGRAM)?);
    let tcp = free_bound(at, SocketType::STREAM)?;
    listen(&tcp, 16)?;
    Ok((UdpSocket::from_std(udp)?, TcpListener::from_std(tcp.into())?))
}

fn free_bound(at: Ipv4Addr, kind: SocketType) -> io::Result<std::os::fd::OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, kind, flags, None)?;
    sockopt::set_ip_freebind(&socket, true)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::from((at, PORT)))?;
    Ok(socket)
}

async fn keep_address(args: DnsArgs) {
    loop {
        if std::net::UdpSocket::bind((args.at, 0)).is_err() {
            let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
            match card_towards(&routes, args.host) {
                Some(card) => add_address(args.at, card),
                None => {
                    sleep(AGAIN).await;
                    continue;
                }
            }
        }
        sleep(LOOK).await;
    }
}

/// The card in whose network the host is, by the kernel's table (proc_net_route of proc(5): numbers
/// as the processor reads them from the wire): the guest may call its cards whatever it likes.
fn card_towards(routes: &str, host: Ipv4Addr) -> Option<&str> {
    let host = u32::from_ne_bytes(host.octets());
    let number = |field: Option<&str>| u32::from_str_radix(field?, 16).ok();
    let found = routes.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (card, network) = (fields.next()?, number(fields.next())?);
        let mask = number(fields.nth(5))?;
        (mask != 0 && host & mask == network).then_some((mask.count_ones(), card))
    });
    found.max_by_key(|(bits, _)| *bits).map(|(_, card)| card)
}

/// Of the host's scope: it is never the source of what leaves the guest. On the card and not on `lo`,
/// for systemd-resolved asks by the card.
fn add_address(at: Ipv4Addr, card: &str) {
    let mut ip = Command::new("ip");
    ip.args(["addr", "add", &format!("{at}/32"), "dev", card, "scope", "host"]);
    // It is tried again.
    let _ = ip.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

async fn pass_datagrams(socket: Arc<UdpSocket>, to: SocketAddr) {
    let places = Arc::new(Semaphore::new(AT_ONCE.0));
    let mut query = vec![0; usize::from(u16::MAX)];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut query).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Too many: what is not answered is asked again.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (socket, query) = (Arc::clone(&socket), query[..length].to_vec());
        tokio::spawn(async move {
            if let Ok(Ok(answer)) = timeout(PATIENCE, ask(to, &query)).await {
                let _ = socket.send_to(&answer, from).await;
            }
            drop(place);
        });
    }
}

async fn ask(to: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(to).await?;
    socket.send(query).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn pass_connections(listener: TcpListener, to: SocketAddr) {
    let places = Arc::new(Semaphore::new(AT_ONCE.1));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(pass(stream, to, place))),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn pass(mut from: TcpStream, to: SocketAddr, _place: OwnedSemaphorePermit) {
    let through = async {
        let mut to = TcpStream::connect(to).await?;
        copy_bidirectional(&mut from, &mut to).await
    };
    // Whoever asked sees that the connection ended.
    let _ = timeout(CONNECTION, through).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "192.168.5.3=192.168.5.2:4053:4054";
        assert_eq!(text.parse::<DnsArgs>().unwrap().to_string(), text);
        for wrong in ["", "192.168.5.3", "192.168.5.3=host:1:2", "192.168.5.3=192.168.5.2:1"] {
            assert_eq!(wrong.parse::<DnsArgs>(), Err(()), "{wrong}");
        }
    }

    /// As a guest with two cards has it, on a processor that reads the lowest byte first.
    #[test]
    #[cfg(target_endian = "little")]
    fn the_card_is_the_one_whose_network_the_host_is_in() {
        let routes = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
lima0\t00000000\t0168A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
enp0s2\t00000000\t0205A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
enp0s2\t0005A8C0\t00000000\t0001\t0\t0\t200\t00FFFFFF\t0\t0\t0
lima0\t0000A8C0\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0
";
        let towards = |host: [u8; 4]| card_towards(routes, host.into());
        assert_eq!(towards([192, 168, 5, 2]), Some("enp0s2"));
        assert_eq!(towards([192, 168, 104, 2]), Some("lima0"));
        assert_eq!(towards([10, 0, 0, 1]), None, "a way out is no network");
        assert_eq!(card_towards("", [192, 168, 5, 2].into()), None);
    }

    #[tokio::test]
    async fn queries_and_answers_are_passed_on() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (to, at) = (server.local_addr().unwrap(), front.local_addr().unwrap());
        tokio::spawn(pass_datagrams(Arc::new(front), to));
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(b"query", at).await.unwrap();
        let mut bytes = [0; 64];
        let (length, from) = server.recv_from(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..length], b"query");
        server.send_to(b"answer", from).await.unwrap();
        let (length, from) = client.recv_from(&mut bytes).await.unwrap();
        assert_eq!((&bytes[..length], from), (&b"answer"[..], at));
    }

    #[tokio::test]
    async fn connections_are_passed_on() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (to, at) = (server.local_addr().unwrap(), front.local_addr().unwrap());
        tokio::spawn(pass_connections(front, to));
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(b"query").await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        let mut bytes = [0; 5];
        served.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"query");
    }
}
