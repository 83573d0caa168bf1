//! Any bytes as what a guest agent sends on a connection on which every call was made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use limekiln_hostagent::guest::{GuestClient, MOST_LISTENERS, Reported};
use limekiln_proto::guest::TunnelMessage;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::yield_now;

/// More than a connection has to say of what fits into one input.
const PIPE: usize = 1 << 20;
/// All calls are on their way after fewer turns of the one thread.
const TURNS: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there are descriptors").block_on(async {
        let (host, guest) = duplex(PIPE);
        let (mut asked, mut says) = tokio::io::split(guest);
        let told = async {
            // Answers that come before they are asked for are a fault of their own.
            for _ in 0..TURNS {
                yield_now().await;
            }
            // Nobody reads any more when the host agent has hung up.
            let _ = says.write_all(bytes).await;
            let _ = says.shutdown().await;
        };
        let heard = async {
            let mut buffer = vec![0; 4096];
            while asked.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        };
        tokio::join!(told, heard, calls(host));
    });
});

/// Makes every call, until each has its answer or can have none any more.
async fn calls(host: DuplexStream) {
    let Ok((client, connection)) = GuestClient::over(host).await else { return };
    let moving = tokio::spawn(connection);
    let info = async { drop(client.info().await) };
    let events = async {
        let Ok(mut events) = client.events().await else { return };
        let mut reported = Reported::default();
        while let Ok(Some(event)) = events.message().await {
            reported.apply(&event);
        }
        assert!(reported.listeners().len() <= MOST_LISTENERS);
    };
    let tunnel = async {
        let first = TunnelMessage { protocol: "tcp".to_owned(), ..TunnelMessage::default() };
        let Ok(mut parts) = client.tunnel(tokio_stream::once(first)).await else { return };
        while let Ok(Some(_)) = parts.message().await {}
    };
    let clock = async { drop(client.sync_time().await) };
    let changes = async { drop(client.post_inotify(tokio_stream::empty()).await) };
    tokio::join!(info, events, tunnel, clock, changes);
    moving.abort();
}
