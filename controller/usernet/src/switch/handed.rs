//! Sockets that are handed over: the file-descriptor kind of Lima's sockets.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};

/// Takes the descriptor that a client sends with its first message; one byte of data or none may
/// come with it. `None` if nothing was sent yet.
///
/// # Errors
/// The client is gone, or sent something else.
pub fn receive(connection: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0; 16];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    match recvmsg(&connection, &mut [IoSliceMut::new(&mut byte)], &mut control, flags) {
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
        other => other?,
    };
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptor = descriptors.flatten().next();
    let descriptor = descriptor
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no descriptor was sent"))?;
    if sockopt::socket_type(&descriptor)? != rustix::net::SocketType::DGRAM {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no datagram socket was sent"));
    }
    Ok(Some(descriptor))
}
