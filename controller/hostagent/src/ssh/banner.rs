//! The first sign of an SSH server: it speaks first.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

/// Between two attempts.
const EVERY: Duration = Duration::from_millis(40);

/// How long most attempts may take. QEMU's network accepts a connection at once and then knocks at
/// the guest again and again, but ever more seldom: one made after the guest's network came up is
/// through much sooner than one made before.
const SHORT: Duration = Duration::from_millis(300);

/// How long every eighth may take, for guests that are up but slow.
const LONG: Duration = Duration::from_secs(5);

/// Waits until an SSH server answers on the port. Never fails: the caller has a deadline.
pub(crate) async fn wait_for_banner(port: u16) {
    let mut attempts = JoinSet::new();
    for number in 0_u64.. {
        let patience = if number % 8 == 7 { LONG } else { SHORT };
        attempts.spawn(timeout(patience, speaks_ssh(port)));
        tokio::select! {
            () = any_speaks(&mut attempts) => return,
            () = sleep(EVERY) => {}
        }
    }
}

/// Collects attempts that ended until one was answered.
async fn any_speaks(attempts: &mut JoinSet<Result<bool, Elapsed>>) {
    while let Some(result) = attempts.join_next().await {
        if matches!(result, Ok(Ok(true))) {
            return;
        }
    }
    std::future::pending::<()>().await;
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
