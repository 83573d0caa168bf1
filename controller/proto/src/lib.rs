//! The services that Limekiln speaks: their messages and, by feature, their clients and servers.
//!
//! - The control API of a controller, [`v1alpha1`]: `proto/limekiln/control/v1alpha1/control.proto`.
//!   Within a version fields are only ever added.
//! - Lima's guest service, [`guest`]: `proto/lima/guestagent/guestservice.proto`.
//!
//! The comments in the definitions are the documentation. `fields.txt` lists all fields, and a
//! test holds the definitions to it.

#[cfg(feature = "client")]
mod connect;
#[cfg(feature = "guest")]
pub mod guest;

#[cfg(feature = "client")]
pub use connect::connect;

/// The control API, version `v1alpha1`.
#[cfg(feature = "control")]
pub mod v1alpha1 {
    #![expect(missing_docs, reason = "the definition's comments document it")]
    #![cfg_attr(
        any(feature = "client", feature = "server"),
        expect(unused_qualifications, reason = "it is generated")
    )]
    #![expect(
        clippy::large_enum_variant,
        reason = "it is generated, and an object is most often an instance"
    )]
    #![cfg_attr(feature = "server", expect(clippy::allow_attributes, reason = "it is generated"))]
    tonic::include_proto!("limekiln.control.v1alpha1");

    /// The definition with all that it imports, for reflection: an encoded `FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/control.bin"));
}
