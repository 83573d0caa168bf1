//! Any bytes as a stream of frames, taken in parts.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::framing(bytes));
