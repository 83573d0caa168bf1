//! Joining a bridge of the host by QEMU's helper, which has the right to that.
//!
//! QEMU could run the helper itself, but not in the sandbox that it is started in: a guest that
//! breaks out must not be able to start processes.

use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
    recvmsg, socketpair,
};

use crate::network::NetworkError;

/// Where distributions have the helper.
const PLACES: [&str; 4] = [
    "/usr/lib/qemu/qemu-bridge-helper",
    "/usr/libexec/qemu-bridge-helper",
    "/usr/lib/qemu-kvm/qemu-bridge-helper",
    "/usr/local/libexec/qemu-bridge-helper",
];

/// The descriptor under which the helper gets its end of the socket pair.
const CHILD: i32 = 3;

/// A tap that is a port of the bridge. It goes with the last descriptor of it.
///
/// # Errors
/// The helper is missing, or refuses; the error says what to do.
pub fn join_bridge(bridge: &str) -> Result<OwnedFd, NetworkError> {
    let helper = helper().ok_or_else(|| NetworkError::Host {
        what: format!("cannot join {bridge}: qemu-bridge-helper is not installed"),
        hint: "install it (Debian, Ubuntu: qemu-system-common; Fedora: qemu-common), \
               or use a network of mode user-v2"
            .to_owned(),
    })?;
    ask(&helper, bridge)
}

fn helper() -> Option<PathBuf> {
    let named = std::env::var_os("QEMU_BRIDGE_HELPER").filter(|name| !name.is_empty());
    let usual = PLACES.iter().map(PathBuf::from);
    named.map(PathBuf::from).into_iter().chain(usual).find(|path| path.exists())
}

fn ask(helper: &Path, bridge: &str) -> Result<OwnedFd, NetworkError> {
    let failed = |error: io::Error| refused(helper, bridge, &error.to_string());
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.map_err(|error| failed(error.into()))?;
    let mut command = Command::new(helper);
    command.args(["--use-vnet", &format!("--fd={CHILD}"), &format!("--br={bridge}")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
        .fd_mappings(vec![FdMapping { parent_fd: theirs, child_fd: CHILD }])
        .map_err(|error| refused(helper, bridge, &error.to_string()))?;
    let mut child = command.spawn().map_err(failed)?;
    // The command holds the helper's end, and without it the helper's death is seen.
    drop(command);
    let tap = receive(&ours);
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // What it says is worth less than what it does.
        let _ = stderr.read_to_string(&mut said);
    }
    let status = child.wait().map_err(failed)?;
    match tap {
        Ok(Some(tap)) if status.success() => Ok(tap),
        _ => Err(refused(helper, bridge, said.lines().last().unwrap_or("it says nothing"))),
    }
}

/// The descriptor that comes with one byte.
fn receive(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0; 1];
    let mut data = [IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fds = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok(fds)
}

/// What the helper's words mean, and what helps.
fn refused(helper: &Path, bridge: &str, said: &str) -> NetworkError {
    let hint = if said.contains("failed to parse default acl file") {
        format!(
            "the helper reads /etc/qemu/bridge.conf, which is not there or not readable; make it: \
             sudo mkdir -p /etc/qemu; echo 'allow {bridge}' | sudo tee -a /etc/qemu/bridge.conf"
        )
    } else if said.contains("acl") {
        format!("let it: put the line `allow {bridge}` into /etc/qemu/bridge.conf")
    } else if said.contains("Operation not permitted") || said.contains("Permission denied") {
        format!("give it the right: sudo chmod u+s {}", helper.display())
    } else {
        format!("see `ip link show {bridge}`, or use a network of mode user-v2")
    };
    NetworkError::Host { what: format!("cannot join {bridge}: {}", said.trim()), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_helper_says_leads_to_what_helps() {
        let hint = |said: &str| {
            let error = refused(Path::new("/h"), "br0", said);
            error.hint().unwrap().to_owned()
        };
        assert!(hint("access denied by acl file").contains("the line `allow br0`"));
        let missing = hint("failed to parse default acl file `/etc/qemu/bridge.conf'");
        assert!(missing.contains("echo 'allow br0' | sudo tee"), "{missing}");
        assert!(hint("failed to create tun device: Operation not permitted").contains("u+s /h"));
    }

    #[test]
    fn a_helper_that_fails_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let helper = dir.path().join("helper");
        std::fs::write(&helper, "#!/bin/sh\necho 'access denied by acl file' >&2\nexit 1\n")
            .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&helper, mode).unwrap();
        let error = ask(&helper, "br0").unwrap_err().to_string();
        assert_eq!(error, "cannot join br0: access denied by acl file");
    }
}
