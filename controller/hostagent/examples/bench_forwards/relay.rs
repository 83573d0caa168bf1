//! Half of a raw relay: what any forward with two hops does at least.

use std::path::Path;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// As much as a tunnel moves at a time.
const PART: usize = 64 << 10;

/// From a port to a socket, or from a socket to a port; a path has a slash.
pub fn run(from: &str, to: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let to = to.to_owned();
    runtime.block_on(async move {
        if from.contains('/') {
            let listener = UnixListener::bind(Path::new(from)).unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(async move {
                    let mut other = TcpStream::connect(to).await.unwrap();
                    other.set_nodelay(true).unwrap();
                    let _ =
                        copy_bidirectional_with_sizes(&mut stream, &mut other, PART, PART).await;
                });
            }
        } else {
            let listener = TcpListener::bind(from).await.unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    let mut other = UnixStream::connect(to).await.unwrap();
                    let _ =
                        copy_bidirectional_with_sizes(&mut stream, &mut other, PART, PART).await;
                });
            }
        }
    });
}
