//! Frames that were read together, sorted by where they go.

use std::io::IoSlice;
use std::ops::Range;

use super::{PortId, Switch};
use crate::wire::Mac;
use crate::wire::frames::{ETHERNET, Frames, NotFrames, PREFIX};

/// Frames of one read that go to other ports; frames for the gateway are for the caller.
#[derive(Debug, Default)]
pub struct Batch {
    forward: Vec<(PortId, Range<usize>)>,
}

impl Batch {
    /// Sorts the frames in `stream`, which came from `port`, sends those for other VMs, and tells
    /// those for the gateway (without their lengths) to `gateway`. Returns where the first frame
    /// begins that is not whole.
    ///
    /// # Errors
    /// The stream is none of frames.
    pub fn sort(
        &mut self,
        switch: &mut Switch,
        port: PortId,
        stream: &[u8],
        longest: usize,
        mut gateway: impl FnMut(&mut Switch, Range<usize>),
    ) -> Result<usize, NotFrames> {
        let mut frames = Frames::new(stream);
        let mut last_sender = None;
        while let Some(range) = frames.next_range()? {
            let frame = &stream[range.start + PREFIX..range.end];
            if frame.len() < ETHERNET || frame.len() > longest {
                continue;
            }
            let (Some(to), Some(from)) = (Mac::read(frame), Mac::read(&frame[6..])) else {
                continue;
            };
            if from.is_group() || from == Mac::GATEWAY {
                continue;
            }
            if last_sender != Some(from) {
                if !switch.learn(from, port) {
                    continue;
                }
                last_sender = Some(from);
            }
            if to == Mac::GATEWAY {
                gateway(switch, range.start + PREFIX..range.end);
                continue;
            }
            match switch.behind(to).filter(|_| !to.is_group()) {
                Some(id) if id == port => {}
                Some(id) => self.forward(id, range),
                None => {
                    switch.flood(Some(port), &stream[range.clone()]);
                    if to.is_group() {
                        gateway(switch, range.start + PREFIX..range.end);
                    }
                }
            }
        }
        self.send(switch, stream);
        Ok(frames.rest())
    }

    /// Frames that follow each other to one port are one run: one slice for the kernel.
    fn forward(&mut self, id: PortId, range: Range<usize>) {
        match self.forward.last_mut() {
            Some((last, run)) if *last == id && run.end == range.start => run.end = range.end,
            _ => self.forward.push((id, range)),
        }
    }

    fn send(&mut self, switch: &mut Switch, stream: &[u8]) {
        // Stable: frames to one port keep their order.
        self.forward.sort_by_key(|(id, _)| *id);
        for runs in self.forward.chunk_by(|(a, _), (b, _)| a == b) {
            let slices: Vec<_> =
                runs.iter().map(|(_, range)| IoSlice::new(&stream[range.clone()])).collect();
            switch.send(runs[0].0, &slices);
        }
        self.forward.clear();
    }
}
