//! Any bytes as a query to the network daemon's name server.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::dns(bytes));
