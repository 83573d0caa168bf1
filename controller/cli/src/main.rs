//! The `limekiln` binary.
fn main() {}
