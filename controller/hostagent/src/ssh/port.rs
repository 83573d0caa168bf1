//! The host's end of the forwarded SSH port.

use std::net::{Ipv4Addr, TcpListener};

use super::SshError;

/// The configured port if it is free, or any free one for 0.
///
/// QEMU binds it a moment later; if something else was quicker, QEMU ends with a clear message.
pub(crate) fn choose_port(configured: u16) -> Result<u16, SshError> {
    let taken = |source| SshError::PortTaken { port: configured, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, configured)).map_err(taken)?;
    Ok(listener.local_addr().map_err(taken)?.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    #[test]
    fn a_taken_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = super::choose_port(port).unwrap_err().to_string();
        assert!(error.contains(&port.to_string()), "{error}");
        assert_ne!(super::choose_port(0).unwrap(), 0);
    }
}
