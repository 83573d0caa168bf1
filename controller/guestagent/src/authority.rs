//! Lima's host agent sends an empty `:authority`, which Go takes and Rust's h2 refuses, although
//! it takes none at all. So an empty one is removed before h2 sees it.
//!
//! That needs no decoder of HPACK (RFC 7541), only the lengths of what stands there:
//!
//! - `:authority` with an empty value is entry 1 of the static table. Go refers to it, with one
//!   byte, and this byte is left out.
//! - A literal that enters no table is left out, too.
//! - A literal that enters the dynamic table must leave an entry behind, or all that is referred to
//!   later would be something else. It becomes a header of our own with the same length: entries
//!   count by the length of name and value, so that the tables of both sides stay alike.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client's first bytes, before all frames (RFC 9113, 3.4).
const PREFACE: usize = 24;
/// Of a frame: length, type, flags, stream (RFC 9113, 4.1).
const HEADER: usize = 9;
const HEADERS: u8 = 1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// A frame with headers that is longer is none of Lima's. It goes through as it is.
const LONGEST: usize = 16 << 10;

/// `:authority` in the static table (RFC 7541, appendix A).
const AUTHORITY: usize = 1;

/// As long as `:authority`, and unknown to everybody.
const STAND_IN: &[u8; 10] = b"x-no-autho";

/// A server's side of an HTTP/2 connection, without empty authorities.
#[derive(Debug)]
pub struct NoEmptyAuthority<S> {
    inner: S,
    /// Bytes that go through as they are, before the next frame begins.
    through: usize,
    /// The beginning of a frame that is not complete.
    held: Vec<u8>,
    /// What is to be read next, from `done` on.
    ready: Vec<u8>,
    done: usize,
    ended: bool,
}

impl<S> NoEmptyAuthority<S> {
    /// Wraps a connection from which nothing was read.
    pub fn new(inner: S) -> Self {
        let (held, ready) = (Vec::new(), Vec::new());
        Self { inner, through: PREFACE, held, ready, done: 0, ended: false }
    }

    /// How many of these bytes, which came after all others, can be read as they are.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let step = self.through.min(bytes.len() - at);
            self.through -= step;
            at += step;
            match frame(&bytes[at..]) {
                Some((length, kind)) if kind != HEADERS || length > LONGEST => {
                    self.through = HEADER + length;
                }
                _ => return at,
            }
        }
    }

    /// Makes ready what is complete of what is held.
    fn advance(&mut self) {
        while !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let clean = self.skip(&held);
            self.ready.extend_from_slice(&held[..clean]);
            let rest = &held[clean..];
            match frame(rest) {
                Some((length, _)) if rest.len() >= HEADER + length => {
                    let (whole, rest) = rest.split_at(HEADER + length);
                    self.ready.extend(without_empty_authority(whole));
                    self.held = rest.to_vec();
                }
                _ => {
                    self.held = rest.to_vec();
                    return;
                }
            }
        }
    }

    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let step = buffer.remaining().min(self.ready.len() - self.done);
        buffer.put_slice(&self.ready[self.done..self.done + step]);
        self.done += step;
        if self.done == self.ready.len() {
            self.ready.clear();
            self.done = 0;
        }
    }
}

/// Length of the payload, and type; `None` if the frame's header is not complete.
fn frame(bytes: &[u8]) -> Option<(usize, u8)> {
    let header = bytes.get(..HEADER)?;
    let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
    Some((length as usize, header[3]))
}

/// The frame with headers, which is complete. One that can't be understood stays as it is: h2 says
/// what is wrong with it.
fn without_empty_authority(whole: &[u8]) -> Vec<u8> {
    rewritten(whole).unwrap_or_else(|| whole.to_vec())
}

fn rewritten(whole: &[u8]) -> Option<Vec<u8>> {
    let (flags, payload) = (whole[4], &whole[HEADER..]);
    // Headers that go on in further frames: nobody who leaves the authority empty sends so many.
    if flags & END_HEADERS == 0 {
        return None;
    }
    let (mut start, mut end) = (0, payload.len());
    if flags & PADDED != 0 {
        end = end.checked_sub(usize::from(*payload.first()?))?;
        start += 1;
    }
    if flags & PRIORITY != 0 {
        start += 5;
    }
    let block = without(payload.get(start..end)?)?;
    let length = u32::try_from(start + block.len() + payload.len() - end).ok()?;
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&whole[3..HEADER]);
    frame.extend_from_slice(&payload[..start]);
    frame.extend_from_slice(&block);
    frame.extend_from_slice(&payload[end..]);
    Some(frame)
}

/// The block of headers, field by field.
fn without(block: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut at) = (Vec::with_capacity(block.len() + STAND_IN.len() + 3), 0);
    while at < block.len() {
        let (field, next) = field(block, at)?;
        match field {
            Field::EmptyAuthority { enters_table: false } => {}
            Field::EmptyAuthority { enters_table: true } => {
                kept.extend([0x40, STAND_IN.len() as u8]);
                kept.extend(STAND_IN);
                kept.push(0);
            }
            Field::Other => kept.extend_from_slice(&block[at..next]),
        }
        at = next;
    }
    Some(kept)
}

enum Field {
    EmptyAuthority { enters_table: bool },
    Other,
}

/// The field at a place, and where the next one begins (RFC 7541, 6).
fn field(block: &[u8], at: usize) -> Option<(Field, usize)> {
    let first = *block.get(at)?;
    if first & 0x80 != 0 {
        let (index, next) = integer(block, at, 7)?;
        let empty = index == AUTHORITY;
        return Some((
            if empty { Field::EmptyAuthority { enters_table: false } } else { Field::Other },
            next,
        ));
    }
    if first & 0xe0 == 0x20 {
        return Some((Field::Other, integer(block, at, 5)?.1));
    }
    let enters_table = first & 0x40 != 0;
    let (index, mut next) = integer(block, at, if enters_table { 6 } else { 4 })?;
    if index == 0 {
        next = string(block, next)?.1;
    }
    let (length, next) = string(block, next)?;
    let empty = index == AUTHORITY && length == 0;
    Some((if empty { Field::EmptyAuthority { enters_table } } else { Field::Other }, next))
}

/// Length and end of a string.
fn string(block: &[u8], at: usize) -> Option<(usize, usize)> {
    let (length, start) = integer(block, at, 7)?;
    let end = start.checked_add(length).filter(|end| *end <= block.len())?;
    Some((length, end))
}

/// A number whose first byte has `bits` bits of it, and where it ends (RFC 7541, 5.1).
fn integer(block: &[u8], at: usize, bits: u32) -> Option<(usize, usize)> {
    let full = (1_usize << bits) - 1;
    let mut value = usize::from(*block.get(at)?) & full;
    if value < full {
        return Some((value, at + 1));
    }
    for (step, byte) in block.get(at + 1..)?.iter().take(4).enumerate() {
        value += usize::from(byte & 0x7f) << (7 * step);
        if byte & 0x80 == 0 {
            return Some((value, at + 2 + step));
        }
    }
    None
}

impl<S: AsyncRead + Unpin> AsyncRead for NoEmptyAuthority<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.done < this.ready.len() {
                this.give(buffer);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
            let fresh = &buffer.filled()[before..];
            this.ended = fresh.is_empty();
            if this.ended {
                // What was cut off in the middle is for h2 to judge.
                this.ready.append(&mut this.held);
                continue;
            }
            let clean = if this.held.is_empty() { this.skip(fresh) } else { 0 };
            let fresh = &buffer.filled()[before..];
            if clean == fresh.len() {
                return Poll::Ready(Ok(()));
            }
            this.held.extend_from_slice(&fresh[clean..]);
            buffer.set_filled(before + clean);
            this.advance();
            if clean > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for NoEmptyAuthority<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A source that gives its parts one by one.
    fn read_all(parts: &[&[u8]]) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut source: Box<dyn AsyncRead + Unpin + Send> = Box::new(tokio::io::empty());
        for part in parts.iter().rev() {
            source = Box::new(io::Cursor::new(part.to_vec()).chain(source));
        }
        let mut out = Vec::new();
        runtime.block_on(NoEmptyAuthority::new(source).read_to_end(&mut out)).unwrap();
        out
    }

    fn with_frames(frames: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![b'P'; PREFACE];
        for (kind, flags, payload) in frames {
            bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
            bytes.extend([*kind, *flags, 0, 0, 0, 1]);
            bytes.extend_from_slice(payload);
        }
        bytes
    }

    fn rewritten_block(block: &[u8]) -> Vec<u8> {
        let out = read_all(&[&with_frames(&[(HEADERS, END_HEADERS, block)])]);
        out[PREFACE + HEADER..].to_vec()
    }

    #[test]
    fn each_way_to_write_it_is_known() {
        // POST by its index, then the authority, then another index.
        for written in [&[0x81][..], &[0x01, 0x00], &[0x11, 0x00], &[0x01, 0x80]] {
            let block = [&[0x83][..], written, &[0x86]].concat();
            assert_eq!(rewritten_block(&block), [0x83, 0x86], "{written:x?}");
        }
        let stays = b"\x40\x0ax-no-autho\x00";
        assert_eq!(rewritten_block(&[0x83, 0x41, 0x00]), [&[0x83][..], stays].concat());
        // An authority that is not empty, and an empty value of something else.
        for other in
            [&[0x41, 0x01, b'a'][..], &[0x42, 0x00], &[0x00, 0x01, b'a', 0x00], &[0x3f, 0x01]]
        {
            assert_eq!(rewritten_block(other), other, "{other:x?}");
        }
    }

    #[test]
    fn padding_and_priority_stay() {
        let payload = [2, 0, 0, 0, 0, 9, 0x83, 0x81, 0x86, 0, 0];
        let frames =
            with_frames(&[(HEADERS, END_HEADERS | PADDED | PRIORITY, &payload), (0, 0, b"x")]);
        let wanted = [2, 0, 0, 0, 0, 9, 0x83, 0x86, 0, 0];
        let wanted =
            with_frames(&[(HEADERS, END_HEADERS | PADDED | PRIORITY, &wanted), (0, 0, b"x")]);
        assert_eq!(read_all(&[&frames]), wanted);
    }

    proptest! {
        /// However the bytes arrive.
        #[test]
        fn parts_do_not_matter(cuts in proptest::collection::vec(0..200_usize, 0..12)) {
            let bytes = with_frames(&[
                (4, 0, &[0; 6]),
                (HEADERS, END_HEADERS, &[0x83, 0x81, 0x86]),
                (0, 1, &[7; 40]),
                (HEADERS, END_HEADERS, &[0x83, 0x41, 0x80]),
                (0, 1, &[8; 3]),
            ]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read_all(&parts), read_all(&[&bytes]));
        }

        /// Whatever arrives, nothing but authorities is lost.
        #[test]
        fn what_is_no_such_header_goes_through(
            frames in proptest::collection::vec((2..12_u8, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..80)), 0..8)
        ) {
            let frames: Vec<_> = frames.iter().map(|(kind, flags, payload)| (*kind, *flags, &payload[..])).collect();
            let bytes = with_frames(&frames);
            prop_assert_eq!(read_all(&[&bytes]), bytes);
        }

        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let framed = with_frames(&[(HEADERS, END_HEADERS, &bytes), (HEADERS, 0xff, &bytes)]);
            read_all(&[&framed]);
            read_all(&[&framed[..PREFACE], &bytes]);
        }
    }
}
