//! What the poll's tokens mean.

use mio::Token;

/// Whom an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The thread that does what takes time.
    Mail,
    /// The listener for QEMU's sockets.
    ListenQemu,
    /// The listener for handed-over descriptors.
    ListenHanded,
    /// A client that is about to hand one over.
    Handing(usize),
    /// A VM's port.
    Port(usize),
    /// The host's side of a connection.
    Tcp(usize),
    /// The host's side of a UDP flow.
    Udp(usize),
    /// A socket for echo requests.
    Ping(usize),
    /// A listener of a forward to a guest.
    Forward(usize),
}

const KINDS: usize = 16;

fn token(kind: usize, slot: usize) -> Token {
    Token(slot * KINDS + kind)
}

/// The mailbox.
pub const MAIL: Token = Token(0);
/// The listener for QEMU's sockets.
pub const LISTEN_QEMU: Token = Token(1);
/// The listener for handed-over descriptors.
pub const LISTEN_HANDED: Token = Token(2);

/// A client that is about to hand a descriptor over.
pub fn handing(slot: usize) -> Token {
    token(3, slot)
}
/// A VM's port.
pub fn port(slot: usize) -> Token {
    token(4, slot)
}
/// The host's side of a connection.
pub fn tcp(slot: usize) -> Token {
    token(5, slot)
}
/// The host's side of a UDP flow.
pub fn udp(slot: usize) -> Token {
    token(6, slot)
}
/// A socket for echo requests.
pub fn ping(slot: usize) -> Token {
    token(7, slot)
}
/// A listener of a forward to a guest.
pub fn forward(slot: usize) -> Token {
    token(8, slot)
}

/// Whom the token is for.
pub fn who(token: Token) -> Option<Who> {
    let slot = token.0 / KINDS;
    Some(match token.0 % KINDS {
        0 => Who::Mail,
        1 => Who::ListenQemu,
        2 => Who::ListenHanded,
        3 => Who::Handing(slot),
        4 => Who::Port(slot),
        5 => Who::Tcp(slot),
        6 => Who::Udp(slot),
        7 => Who::Ping(slot),
        8 => Who::Forward(slot),
        _ => return None,
    })
}
