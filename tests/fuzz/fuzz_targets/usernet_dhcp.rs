//! Any bytes as messages to the DHCP server of the network daemon, from two VMs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::dhcp(bytes));
