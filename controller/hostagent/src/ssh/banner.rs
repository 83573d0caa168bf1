//! The first sign of an SSH server: it speaks first.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Between two attempts.
const EVERY: Duration = Duration::from_millis(30);

/// How long one attempt may take. QEMU's network accepts at once and then waits for the guest,
/// which a busy guest answers late; so attempts overlap.
const PATIENCE: Duration = Duration::from_secs(3);

/// Attempts at a time: more than a guest that boots can hold would be in each other's way.
const AT_ONCE: usize = 4;

/// Waits until an SSH server answers on the port. Never fails: the caller has a deadline.
pub(crate) async fn wait_for_banner(port: u16) {
    let mut attempts = JoinSet::new();
    loop {
        if attempts.len() < AT_ONCE {
            attempts.spawn(timeout(PATIENCE, speaks_ssh(port)));
        }
        tokio::select! {
            Some(result) = attempts.join_next() => {
                if matches!(result, Ok(Ok(true))) {
                    return;
                }
                sleep(EVERY).await;
            }
            () = sleep(EVERY * 4) => {}
        }
    }
}

async fn speaks_ssh(port: u16) -> bool {
    let mut start = [0; 4];
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(mut stream) => stream.read_exact(&mut start).await.is_ok() && start == *b"SSH-",
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_server_that_hangs_up_first_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = async {
            drop(listener.accept().await.unwrap());
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-x\r\n").await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = super::wait_for_banner(port) => {}
            () = server => {}
        }
    }
}
