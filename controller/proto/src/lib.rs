//! The control API of a controller: its messages and, by feature, its client and its server.
//!
//! The definition is `proto/limekiln/control/v1alpha1/control.proto`; its comments are the
//! documentation. Within a version fields are only ever added: `fields.txt` lists them all, and a
//! test holds the definition to it.

#[cfg(feature = "client")]
mod connect;

#[cfg(feature = "client")]
pub use connect::connect;

/// Version `v1alpha1`.
pub mod v1alpha1 {
    #![expect(missing_docs, reason = "the definition's comments document it")]
    #![cfg_attr(
        any(feature = "client", feature = "server"),
        expect(unused_qualifications, reason = "it is generated")
    )]
    #![cfg_attr(feature = "server", expect(clippy::allow_attributes, reason = "it is generated"))]
    tonic::include_proto!("limekiln.control.v1alpha1");

    /// The definition with all that it imports, for reflection: an encoded `FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/control.bin"));
}
