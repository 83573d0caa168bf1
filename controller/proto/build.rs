//! Compiles the definitions, in Rust alone: nobody needs `protoc`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const FILE: &str = "limekiln/control/v1alpha1/control.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let set = protox::compile([FILE], ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // Reflection serves this.
    fs::write(out.join("control.bin"), set.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(env::var_os("CARGO_FEATURE_CLIENT").is_some())
        .build_server(env::var_os("CARGO_FEATURE_SERVER").is_some())
        // How a connection is made is the client's own affair.
        .build_transport(false)
        .compile_fds(set)?;
    Ok(())
}
