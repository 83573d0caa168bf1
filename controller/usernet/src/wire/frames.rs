//! Frames in a stream: QEMU's socket netdev puts each frame's length before it, as four bytes in
//! network order (QEMU, net/socket.c), and so does all that is compatible with it.

use std::ops::Range;

/// Bytes of the length.
pub const PREFIX: usize = 4;

/// Bytes of an Ethernet header.
pub const ETHERNET: usize = 14;

/// What no frame on any of our links is longer than: the greatest MTU, a header, and a VLAN tag.
pub const LONGEST: usize = 65_520 + ETHERNET + 4;

/// What QEMU sends at most (`NET_BUFSIZE`; QEMU, include/net/net.h): its cards let a guest make
/// frames that are longer than any link's. These are dropped, as by any switch: to pull the cable
/// would be in the guest's hands then.
pub const ANNOUNCED: usize = 4096 + 65_536;

/// The stream isn't one of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes was announced; none has more than {ANNOUNCED}")]
pub struct NotFrames(pub usize);

/// Walks over the whole frames at the start of a stream.
#[derive(Debug)]
pub struct Frames<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Of what was read so far.
    pub fn new(stream: &'a [u8]) -> Self {
        Self { stream, at: 0 }
    }

    /// Where the first frame that is not whole begins: it and what follows is to be kept.
    pub fn rest(&self) -> usize {
        self.at
    }

    /// The next whole frame with its length before it, as a range of the stream.
    ///
    /// # Errors
    /// A length is impossible; no frame after it can be found.
    pub fn next_range(&mut self) -> Result<Option<Range<usize>>, NotFrames> {
        let Some(length) = self.stream[self.at..].first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > ANNOUNCED {
            return Err(NotFrames(length));
        }
        let end = self.at + PREFIX + length;
        if end > self.stream.len() {
            return Ok(None);
        }
        let start = std::mem::replace(&mut self.at, end);
        Ok(Some(start..end))
    }
}

/// Appends a frame with its length before it.
#[cfg(test)]
pub fn push(stream: &mut Vec<u8>, frame: &[u8]) {
    // No frame is longer than `ANNOUNCED`.
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    stream.extend_from_slice(&length.to_be_bytes());
    stream.extend_from_slice(frame);
}

#[cfg(test)]
mod tests {
    use super::{Frames, NotFrames, push};

    #[test]
    fn whole_frames_are_found_and_the_rest_is_told() {
        let mut stream = Vec::new();
        push(&mut stream, b"first");
        push(&mut stream, b"");
        push(&mut stream, b"cut off");
        stream.truncate(stream.len() - 1);
        let mut frames = Frames::new(&stream);
        assert_eq!(frames.next_range(), Ok(Some(0..9)));
        assert_eq!(frames.next_range(), Ok(Some(9..13)));
        assert_eq!(frames.next_range(), Ok(None));
        assert_eq!(frames.rest(), 13);
    }

    #[test]
    fn an_impossible_length_is_refused() {
        assert_eq!(Frames::new(&[0xff; 4]).next_range(), Err(NotFrames(0xffff_ffff)));
        assert_eq!(Frames::new(&[0, 1, 0x10, 1]).next_range(), Err(NotFrames(69_633)));
        assert_eq!(Frames::new(&[0, 1, 0x10, 0]).next_range(), Ok(None), "QEMU may send that");
    }
}
