//! What both sides of the guest service agree on where HTTP/2 leaves the choice.

/// Of one stream: bytes on their way that the other side has not taken yet. Each half of it that is
/// taken wakes the sender, so that a small window costs more than it saves.
pub const STREAM_WINDOW: u32 = 512 << 10;

/// Of all streams together, so that a few dozen which nobody reads do not hold up the others. It
/// is also the most memory that the other side can make this one hold.
pub const CONNECTION_WINDOW: u32 = 16 << 20;

/// The longest frame: a part of a tunnel's stream with its envelope fits into one.
pub const FRAME: u32 = 128 << 10;

/// Of one stream: bytes that are written before the transport takes them.
pub const SEND_BUFFER: usize = 256 << 10;

/// Tunnels and calls at a time, on one connection.
pub const STREAMS: u32 = 1024;

/// So much of a stream is read and sent at a time. With twice as much, one direction was measured
/// to be quicker and the other one slower.
pub const PART: usize = 64 << 10;
