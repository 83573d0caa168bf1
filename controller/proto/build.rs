//! Compiles the definitions, in Rust alone: nobody needs `protoc`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const CONTROL: &str = "limekiln/control/v1alpha1/control.proto";
const GUEST: &str = "lima/guestagent/guestservice.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    if has("CONTROL") {
        compile(CONTROL, "control.bin", has("CLIENT"), has("SERVER"))?;
    }
    if has("GUEST") {
        compile(GUEST, "guest.bin", has("GUEST_CLIENT"), has("GUEST_SERVER"))?;
    }
    Ok(())
}

fn has(feature: &str) -> bool {
    env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}

fn compile(
    file: &str,
    descriptors: &str,
    client: bool,
    server: bool,
) -> Result<(), Box<dyn Error>> {
    let set = protox::compile([file], ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // Reflection serves this, and tests read it.
    fs::write(out.join(descriptors), set.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(client)
        .build_server(server)
        // How a connection is made is the client's own affair.
        .build_transport(false)
        // Data is handed on as it came, without a copy.
        .bytes(".TunnelMessage")
        .compile_fds(set)?;
    Ok(())
}
