//! Lines on their way to the log, by a thread of their own: whoever writes one waits for no disk and
//! for no reader of a pipe, the least the thread that moves frames.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Lines that wait; of more, the newest are lost, and counted.
const WAITING: usize = 1024;

/// How long the end waits for lines that nobody takes.
const END: Duration = Duration::from_secs(1);

/// What the thread is handed.
#[derive(Debug)]
enum Item {
    /// A line.
    Line(Vec<u8>),
    /// All before it is to be written; then whoever waits goes on.
    End(SyncSender<()>),
}

/// Where lines go: until the thread runs, to the log at once.
#[derive(Clone, Debug, Default)]
pub struct Spool(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: OnceLock<SyncSender<Item>>,
    /// The thread's, too, which has not the rest: it ends when nobody can put in any more.
    lost: Arc<AtomicU64>,
}

impl Spool {
    /// Writes by a thread from now on. To be called by one that is locked in: so is then the thread.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn start(&self, to: impl Write + Send + 'static) -> io::Result<()> {
        let (sender, lines) = sync_channel(WAITING);
        let lost = Arc::clone(&self.0.lost);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&lines, &lost, to))?;
        // Once is enough.
        let _ = self.0.lines.set(sender);
        Ok(())
    }

    /// Takes a line.
    pub fn put(&self, line: &[u8]) {
        let Some(lines) = self.0.lines.get() else {
            // A log that can't be written is no reason to end.
            let _ = io::stderr().write_all(line);
            return;
        };
        if lines.try_send(Item::Line(line.to_vec())).is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is written, but not for long; returns whether it is.
    pub fn finish(&self) -> bool {
        let Some(lines) = self.0.lines.get() else { return true };
        let (done, written) = sync_channel(1);
        // If there is no place, nobody reads it, and nobody would have the rest.
        lines.try_send(Item::End(done)).is_ok() && written.recv_timeout(END).is_ok()
    }
}

fn write(lines: &Receiver<Item>, lost: &AtomicU64, mut to: impl Write) {
    while let Ok(item) = lines.recv() {
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            let _ = writeln!(to, "({count} lines were lost: the log took no more)");
        }
        match item {
            Item::Line(line) => drop(to.write_all(&line)),
            Item::End(done) => drop(done.send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{Spool, WAITING};

    #[test]
    fn nobody_waits_for_a_log_that_takes_nothing_and_what_is_lost_is_counted() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let spool = Spool::default();
        spool.start(writer).unwrap();
        // A pipe takes 64 KiB, and then blocks: one line is with the thread.
        let line = [&[b'x'; 65_535][..], b"\n"].concat();
        let all = WAITING + 102;
        (0..all).for_each(|_| spool.put(&line));
        assert!(!spool.finish(), "not for ever");
        let reads = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        while !spool.finish() {
            std::thread::yield_now();
        }
        spool.put(b"last\n");
        drop(spool);
        let text = reads.join().unwrap();
        let said = text.lines().filter_map(|line| line.strip_prefix('(')?.split(' ').next());
        let lost: usize = said.map(|count| count.parse::<usize>().unwrap()).sum();
        let written = text.lines().filter(|line| line.starts_with('x')).count();
        assert_eq!(written + lost, all, "{lost} lost");
        assert!(lost >= 90 && text.ends_with("last\n"), "{lost} lost");
    }
}
