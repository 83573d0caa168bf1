//! Any bytes as parts of IPv4 packets of a VM.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::fragments(bytes));
