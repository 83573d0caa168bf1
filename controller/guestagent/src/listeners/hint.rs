//! How many sockets are in use: the cheapest sign that something changed.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Per family: `TCP: inuse 5 …`. A TCP socket counts from when it listens or connects, a UDP
/// socket from when it is bound.
const FILES: [&str; 2] = ["/proc/net/sockstat", "/proc/net/sockstat6"];

/// Remembers the counts. Two files of 200 bytes are read, where a look at the sockets themselves
/// takes four requests to the kernel.
#[derive(Debug)]
pub struct Hint {
    files: Vec<File>,
    last: Vec<u32>,
}

impl Hint {
    /// Nothing is remembered yet.
    pub fn new() -> Self {
        // A kernel without one of them has no such sockets, or tells nothing.
        Self {
            files: FILES.iter().filter_map(|path| File::open(path).ok()).collect(),
            last: Vec::new(),
        }
    }

    /// Whether a count changed since the last call; true also where nothing can be counted. One
    /// socket that comes while another goes is not seen.
    pub fn changed(&mut self) -> bool {
        let mut buffer = [0; 1024];
        let mut counts = Vec::with_capacity(self.last.len());
        for file in &self.files {
            // At 0 the kernel counts anew.
            let Ok(read) = file.read_at(&mut buffer, 0) else { return true };
            in_use(&String::from_utf8_lossy(&buffer[..read]), &mut counts);
        }
        let changed = counts != self.last || counts.is_empty();
        self.last = counts;
        changed
    }
}

impl Default for Hint {
    fn default() -> Self {
        Self::new()
    }
}

fn in_use(text: &str, counts: &mut Vec<u32>) {
    for line in text.lines() {
        let Some((kind, rest)) = line.split_once(": inuse ") else { continue };
        if kind.starts_with("TCP") || kind == "UDP" || kind == "UDP6" {
            counts.extend(rest.split(' ').next().and_then(|number| number.parse::<u32>().ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_real_file() {
        let text = "sockets: used 97\nTCP: inuse 6 orphan 0 tw 1 alloc 9 mem 2\nUDP: inuse 3 mem 1\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n";
        let mut counts = Vec::new();
        in_use(text, &mut counts);
        assert_eq!(counts, [6, 3]);
    }

    /// Other tests open sockets, too, so that nothing changes is not shown here.
    #[test]
    fn a_new_listener_is_noticed() {
        let mut hint = Hint::new();
        let noticed = (0..20).any(|_| {
            hint.changed();
            let _kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            hint.changed()
        });
        assert!(noticed);
    }
}
