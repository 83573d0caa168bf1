//! Any bytes as what a VM sends to the network daemon: Ethernet, ARP, IPv4 and its fragments, UDP,
//! DHCP, ICMP, TCP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::frames(bytes));
