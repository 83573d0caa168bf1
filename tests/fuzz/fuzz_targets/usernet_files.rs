//! Any bytes as the files that the network daemon reads: leases, what its API was told, the definition.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::files(bytes));
