//! Any bytes as an ARP packet of a VM.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| limekiln_usernet::fuzzing::arp(bytes));
