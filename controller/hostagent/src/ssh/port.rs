//! The host port that leads to a guest's SSH server.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use super::SshError;

/// From here on up to those that the kernel gives to connections.
const FIRST: u16 = 20_000;

/// Of fewer the kernel is asked for one at once.
const LEAST: usize = 1_000;

/// How many are tried before the kernel is asked.
const TRIES: usize = 64;

/// The port, or a free one if it is 0. Between here and the moment at which QEMU takes it somebody
/// else may: so it is none of those that the kernel gives to connections, of which there may be
/// thousands.
///
/// # Errors
/// The port is taken.
pub(crate) fn choose_port(configured: u16) -> Result<u16, SshError> {
    let taken = |source| SshError::PortTaken { port: configured, source };
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let range = if configured == 0 { unused() } else { 0..0 };
    if range.len() > LEAST {
        let mut tries = (0..TRIES).map(|_| fastrand::u16(range.clone()));
        if let Some(port) = tries.find(|port| free(*port).is_ok()) {
            return Ok(port);
        }
    }
    Ok(free(configured).and_then(|listener| listener.local_addr()).map_err(taken)?.port())
}

/// Ports that the kernel gives to nobody by itself, by ip(7); empty where it does not say.
fn unused() -> Range<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
    FIRST..first.unwrap_or(FIRST)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose_port(port).unwrap_err().to_string();
        assert!(error.contains(&port.to_string()), "{error}");
    }

    #[test]
    fn a_free_port_is_none_that_a_connection_could_take() {
        let range = unused();
        for _ in 0..100 {
            let port = choose_port(0).unwrap();
            assert!(range.len() <= LEAST || range.contains(&port), "{port} is not in {range:?}");
        }
    }
}
