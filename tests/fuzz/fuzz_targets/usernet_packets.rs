//! Any bytes as frames that a VM sends to the network daemon, with right checksums: TCP on a
//! connection that the host began, UDP, ICMP, DHCP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::packets(bytes));
