//! What goes through, and who is at the other end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Per round.
const TIME: Duration = Duration::from_secs(1);
const TRIPS: usize = 4000;
const BLOCK: usize = 256 << 10;

/// Serves each connection on a thread of its own; returns the port.
fn serve(handle: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || handle(stream));
        }
    });
    port
}

/// Reads all, then says how much it was.
pub fn sink() -> u16 {
    serve(|mut stream| {
        let (mut buffer, mut sum) = (vec![0; BLOCK], 0_u64);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            sum += read as u64;
        }
        let _ = stream.write_all(&sum.to_le_bytes());
    })
}

/// Writes without end.
pub fn source() -> u16 {
    serve(|mut stream| {
        let buffer = vec![7; BLOCK];
        while stream.write_all(&buffer).is_ok() {}
    })
}

/// Gives back what it gets.
pub fn echo() -> u16 {
    serve(|mut stream| {
        let mut byte = [0; 64];
        while let Ok(read @ 1..) = stream.read(&mut byte) {
            if stream.write_all(&byte[..read]).is_err() {
                return;
            }
        }
    })
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// MB/s from here to a sink, by what it got.
pub fn upload(port: u16) -> f64 {
    let mut stream = connect(port);
    let (buffer, start) = (vec![7; BLOCK], Instant::now());
    while start.elapsed() < TIME {
        stream.write_all(&buffer).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut sum = [0; 8];
    stream.read_exact(&mut sum).unwrap();
    u64::from_le_bytes(sum) as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// MB/s from a source to here.
pub fn download(port: u16) -> f64 {
    let mut stream = connect(port);
    let (mut buffer, mut sum, start) = (vec![0; BLOCK], 0_u64, Instant::now());
    while start.elapsed() < TIME {
        sum += stream.read(&mut buffer).unwrap() as u64;
    }
    sum as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// The median time there and back, in microseconds.
pub fn round_trip_us(port: u16) -> f64 {
    let mut stream = connect(port);
    let mut times = Vec::with_capacity(TRIPS);
    let mut byte = [1];
    for _ in 0..TRIPS {
        let start = Instant::now();
        stream.write_all(&byte).unwrap();
        stream.read_exact(&mut byte).unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[TRIPS / 2].as_secs_f64() * 1e6
}
