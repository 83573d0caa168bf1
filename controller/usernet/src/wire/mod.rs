//! What goes over the wire: frames, and the packets that the gateway makes itself.

pub mod frames;
mod mac;
pub mod packet;

pub use mac::Mac;
