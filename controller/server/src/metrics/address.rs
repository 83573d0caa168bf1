//! Where metrics are served.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// `unix:PATH` or `127.0.0.1:PORT`. Nothing that others on the network could reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsAddress {
    /// A unix socket, for this user alone.
    Unix(PathBuf),
    /// A port of this host.
    Loopback(SocketAddr),
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("unix: needs a path".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let address: SocketAddr = named
            .as_deref()
            .unwrap_or(text)
            .parse()
            .map_err(|_| "write unix:PATH or 127.0.0.1:PORT".to_owned())?;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Ok(Self::Loopback(address)),
            IpAddr::V6(ip) if ip.is_loopback() => Ok(Self::Loopback(address)),
            _ => Err(format!(
                "{} can be reached from elsewhere; metrics are served on 127.0.0.1, [::1] or unix:PATH",
                address.ip()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MetricsAddress;

    #[test]
    fn only_what_stays_on_this_host_is_taken() {
        for good in ["unix:/run/a.sock", "127.0.0.1:9100", "localhost:9100", "[::1]:9100"] {
            good.parse::<MetricsAddress>().expect(good);
        }
        for bad in ["0.0.0.0:9100", "[::]:9100", "192.168.1.1:9100", ":9100", "9100", "unix:", ""] {
            bad.parse::<MetricsAddress>().expect_err(bad);
        }
    }
}
