//! A guest agent that is somebody's attack.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::time::Duration;

use limekiln_proto::guest::guest_service_server::GuestService;
use limekiln_proto::guest::{
    Event, Info, Inotify, IpPort, TimeSyncRequest, TimeSyncResponse, TunnelMessage,
};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::guests::{connection, listen};
use crate::host::{Host, alone, free_port, guest_socket, until};

/// Says whatever costs most.
#[derive(Clone, Copy)]
struct Hostile;

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn port(protocol: &str, ip: String, port: i32) -> IpPort {
    IpPort { protocol: protocol.to_owned(), ip, port }
}

/// Every port, and addresses that are none, and that are not the guest's.
fn everything() -> Vec<IpPort> {
    let all = (1..=65_535).map(|number| port("tcp", "0.0.0.0".to_owned(), number));
    let bad = ["", "../../etc", "127.0.0.1\nhello", "999.1.1.1", "[::1]", "\u{1b}[2J"];
    let bad = bad.into_iter().map(|ip| port("tcp", ip.to_owned(), 80));
    all.chain(bad).collect()
}

#[tonic::async_trait]
impl GuestService for Hostile {
    type GetEventsStream = Parts<Event>;
    type TunnelStream = Parts<TunnelMessage>;

    async fn get_info(&self, _: Request<()>) -> Result<Response<Info>, Status> {
        Ok(Response::new(Info { local_ports: everything() }))
    }

    /// New addresses without end, as quickly as they are taken.
    async fn get_events(&self, _: Request<()>) -> Result<Response<Parts<Event>>, Status> {
        let mut number = 0_u64;
        let events = std::iter::repeat_with(move || {
            number += 1;
            let ports = (1..2000)
                .map(|low| port("udp", format!("fd00::{:x}:{low:x}", number % 65_536), low));
            let flapping = port("tcp", "127.0.0.1".to_owned(), 40_000);
            let (added, removed) = if number.is_multiple_of(2) {
                (vec![flapping], vec![])
            } else {
                (vec![], vec![flapping])
            };
            Ok(Event {
                time: None,
                added_local_ports: ports.chain(added).collect(),
                removed_local_ports: removed,
                errors: vec!["\u{1b}]0;x\u{7}".repeat(1000)],
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(events))))
    }

    async fn post_inotify(&self, _: Request<Streaming<Inotify>>) -> Result<Response<()>, Status> {
        std::future::pending().await
    }

    /// Talks without end.
    async fn tunnel(
        &self,
        _: Request<Streaming<TunnelMessage>>,
    ) -> Result<Response<Parts<TunnelMessage>>, Status> {
        let data = vec![b'x'; 256 << 10];
        let message = TunnelMessage { data: data.into(), ..TunnelMessage::default() };
        Ok(Response::new(Box::pin(tokio_stream::iter(std::iter::repeat(Ok(message))))))
    }

    async fn sync_time(
        &self,
        _: Request<TimeSyncRequest>,
    ) -> Result<Response<TimeSyncResponse>, Status> {
        std::future::pending().await
    }
}

#[test]
fn a_guest_that_listens_everywhere_and_never_rests_uses_up_nothing() {
    let _alone = alone();
    let host = free_port();
    // What the attack says about other ports is refused, and must still be bounded.
    let dir = Host::dir(&format!(
        "- {{guestPort: 81, hostPort: {host}, proto: tcp}}\n\
         - {{guestPortRange: [30, 20029], hostPortRange: [42000, 61999], proto: tcp}}\n\
         - {{guestIP: 0.0.0.0, guestIPMustBeZero: false, proto: tcp, ignore: true}}"
    ));
    listen(&guest_socket(&dir), |stream| connection(Hostile, stream));
    let mut process = Host::start(dir);
    until("an open port", || TcpStream::connect(("127.0.0.1", host)).is_ok());
    // A connection that is flooded and does not read, beside one that is flooded and reads.
    let _stuck = TcpStream::connect(("127.0.0.1", host)).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", host)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"hello").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut most = 0;
    for _ in 0..40 {
        stream.read_exact(&mut buffer).unwrap();
        most = most.max(process.private_mib());
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("the host's side took {most} MiB at most");
    assert!(most < 48, "{most} MiB");
    let events = process.events();
    assert!(events.len() < 2 << 20, "{} bytes of events", events.len());
    assert!(!events.contains('\u{1b}'), "nothing of the guest's reaches a terminal");
    assert!(events.contains("not-forwarding"));
}

/// Not even HTTP/2.
#[test]
fn noise_is_survived() {
    let dir = Host::dir(" []");
    listen(&guest_socket(&dir), |mut stream| async move {
        use tokio::io::AsyncWriteExt;
        while stream.write_all(&[0xff; 4096]).await.is_ok() {}
        Ok(())
    });
    let mut process = Host::start(dir);
    std::thread::sleep(Duration::from_secs(2));
    assert!(process.private_mib() < 64);
}
