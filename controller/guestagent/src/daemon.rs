//! Serving for good.

use std::fs;
use std::os::unix::fs::{FileTypeExt, chown};
use std::path::Path;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::{DaemonArgs, Error, GuestAgent, dns, serve, virtio};

/// Serves until the process is killed.
///
/// # Errors
/// The socket can't be made.
pub(crate) fn run(args: &DaemonArgs) -> Result<(), Error> {
    // One thread is enough, and costs the least memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::Runtime)?.block_on(async {
        let agent = GuestAgent::new();
        let agent = if args.no_clock { agent } else { agent.setting_clock() };
        tokio::spawn(virtio::serve(args.virtio_port.clone(), agent.clone()));
        if let Some(args) = args.dns {
            tokio::spawn(dns::serve(args));
        }
        let listener = listen(&args.socket, args.socket_owner)?;
        accept(&listener, args.socket_owner, agent).await;
        Ok(())
    })
}

/// A socket that only root and the owner may open, from its first moment on.
fn listen(path: &Path, owner: Option<u32>) -> Result<UnixListener, Error> {
    let failed = Error::file("listen on", path);
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        fs::remove_file(path).map_err(Error::file("replace", path))?;
    }
    let before = umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener.map_err(failed)?;
    chown(path, owner, None).map_err(Error::file("hand over", path))?;
    Ok(listener)
}

async fn accept(listener: &UnixListener, owner: Option<u32>, agent: GuestAgent) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_friend(&stream, owner) => {
                let agent = agent.clone();
                tokio::spawn(async move {
                    // A host agent that goes away is its own business.
                    let _ = serve(agent, stream).await;
                });
            }
            Ok(_) => eprintln!("limekiln-guestagent: refused a connection of another user"),
            Err(error) => {
                // Out of descriptors, most likely: others may be closed in a moment.
                eprintln!("limekiln-guestagent: cannot accept a connection: {error}");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Whatever the socket's permissions became.
fn is_friend(stream: &UnixStream, owner: Option<u32>) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| [Some(0), Some(own), owner].contains(&Some(peer.uid())))
}
