//! The host's resolver.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// How long a server may take, before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// What one VM may ask the host at once. Each keeps a thread or a socket, for as long as the
/// host's resolver takes.
const LOOKUPS: usize = 16;

/// The servers that `resolv.conf` names.
pub fn servers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    words(&text, "nameserver")
        .filter_map(|word| word.parse::<IpAddr>().ok())
        .map(|ip| (ip, crate::PORT).into())
        .collect()
}

/// The domains that the host adds to names without dots.
pub fn search() -> Vec<String> {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    words(&text, "search").filter(|name| *name != ".").map(str::to_owned).collect()
}

fn words<'a>(text: &'a str, key: &'static str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .map(str::split_whitespace)
        .filter_map(move |mut words| (words.next() == Some(key)).then_some(words))
        .flatten()
}

/// Questions to the host that a VM may still ask.
#[derive(Clone, Debug)]
pub struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Lookups {
    /// Waits until it may ask one more.
    async fn next(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

/// Who is asked for names that are not ours.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// The host's resolver, as far as the VM may ask it.
    Host(Lookups),
    /// Nobody: for fuzz targets, which are to reach nothing.
    Nobody,
}

impl Upstream {
    /// The addresses of a name.
    pub async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        match self {
            Self::Host(lookups) => {
                let found = timeout(2 * PATIENCE, addresses(lookups, name.to_owned())).await;
                found.unwrap_or_default()
            }
            Self::Nobody => Vec::new(),
        }
    }

    /// What the first server that answers says to a query.
    pub async fn relay(&self, query: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Host(lookups) => {
                let _place = timeout(2 * PATIENCE, lookups.next()).await.ok()??;
                relay(query).await
            }
            Self::Nobody => None,
        }
    }
}

/// The addresses of a name, by all that the host has: its files, its servers, its own services.
async fn addresses(lookups: &Lookups, name: String) -> Vec<IpAddr> {
    let Some(place) = lookups.next().await else { return Vec::new() };
    // The thread goes on when nobody waits for it any longer, and has the place until its end.
    let found = tokio::task::spawn_blocking(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        drop(place);
        found
    });
    let mut addresses = Vec::new();
    for address in found.await.ok().and_then(Result::ok).into_iter().flatten() {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    addresses
}

/// What the first server that answers says to a query.
async fn relay(query: &[u8]) -> Option<Vec<u8>> {
    for server in servers() {
        if let Ok(Ok(answer)) = timeout(PATIENCE, over_udp(server, query)).await {
            let cut = answer.get(2).is_some_and(|flags| flags & 2 != 0);
            if !cut {
                return Some(answer);
            }
            if let Ok(Ok(whole)) = timeout(PATIENCE, over_tcp(server, query)).await {
                return Some(whole);
            }
            return Some(answer);
        }
    }
    None
}

async fn over_udp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    loop {
        let count = socket.recv(&mut answer).await?;
        // Of another query: late, or forged.
        if count >= 12 && answer[..2] == query[..2] {
            answer.truncate(count);
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn resolv_conf_is_read_as_the_resolver_does() {
        let text = "# nameserver 9.9.9.9\nnameserver 127.0.0.53\noptions edns0\nnameserver ::1\nsearch a.test b.test\n";
        assert_eq!(words(text, "nameserver").collect::<Vec<_>>(), ["127.0.0.53", "::1"]);
        assert_eq!(words(text, "search").collect::<Vec<_>>(), ["a.test", "b.test"]);
    }
}
