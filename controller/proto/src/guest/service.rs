//! What the definition generates.

#![cfg_attr(
    any(feature = "guest-client", feature = "guest-server"),
    expect(unused_qualifications, reason = "it is generated")
)]
#![cfg_attr(feature = "guest-server", expect(clippy::allow_attributes, reason = "it is generated"))]

// The definition has no package, and so the generated file has no name.
tonic::include_proto!("_");

/// The definition with all that it imports: an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.bin"));
