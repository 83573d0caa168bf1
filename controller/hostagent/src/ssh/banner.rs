//! The first sign of an SSH server: it speaks first.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};

/// Between two attempts at first, when a small guest may be up at any moment.
const EVERY: Duration = Duration::from_millis(50);

/// How long such an attempt may take. QEMU's network accepts a connection at once and then knocks
/// at the guest again and again, but ever more seldom: one made after the guest's network came up
/// is through much sooner than one made before.
const SHORT: Duration = Duration::from_millis(300);

/// So many wait at once. Those that get through together, when the server comes up, each make it
/// start a process, just when the guest has most to do.
const AT_ONCE: usize = 3;

/// How long attempts are made so fast. A guest that takes longer is a large one, whose SSH server
/// starts a process for every connection: so many of them would keep it from ever getting ready.
const EAGER: Duration = Duration::from_secs(8);

/// Between two attempts afterwards.
const SELDOM: Duration = Duration::from_secs(1);

/// How long such an attempt may take, for guests that are up but slow.
const LONG: Duration = Duration::from_secs(4);

/// Waits until an SSH server answers on the port; `eager` if the guest has just been started.
/// Never fails: the caller has a deadline.
pub(crate) async fn wait_for_banner(port: u16, eager: bool) {
    let mut attempts = JoinSet::new();
    let start = Instant::now();
    loop {
        let fast = eager && start.elapsed() < EAGER;
        let (every, patience) = if fast { (EVERY, SHORT) } else { (SELDOM, LONG) };
        if attempts.len() < AT_ONCE {
            attempts.spawn(timeout(patience, speaks_ssh(port)));
        }
        tokio::select! {
            () = any_speaks(&mut attempts) => return,
            () = sleep(every) => {}
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
            () = super::wait_for_banner(port, true) => {}
            () = server => {}
        }
    }
}
