//! Any bytes as what a client of the network daemon's HTTP API sends.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::api(bytes));
