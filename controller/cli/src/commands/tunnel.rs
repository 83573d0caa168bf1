//! `limekiln tunnel`

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::commands::ssh;
use crate::compose::App;
use crate::exit::{Exit, Failure};

/// Open a SOCKS5 proxy into an instance's networks.
///
/// The proxy is on 127.0.0.1 of the host, and lasts as long as the instance runs.
#[derive(Args)]
#[command(after_help = "Example: limekiln tunnel web\n         \
    curl --proxy socks5h://127.0.0.1:PORT http://lima-db.internal")]
pub struct TunnelArgs {
    /// The instance
    name: String,
    /// The port of 127.0.0.1; any that is free if left out
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    socks_port: u16,
    /// What kind of tunnel
    #[arg(long, value_enum, default_value_t)]
    r#type: TunnelType,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum TunnelType {
    #[default]
    Socks,
}

/// Opens it and returns.
///
/// # Errors
/// If there is no such instance, it does not run, or the port is taken.
pub fn run(args: &TunnelArgs) -> anyhow::Result<Exit> {
    let TunnelType::Socks = args.r#type;
    let target = ssh::target(&App::open()?, &args.name)?;
    let port = free_port(args.socks_port)?;
    let mut command = ssh::command()?;
    command.arg("-F").arg(&target.config);
    // Not through the control master: that would keep the port when the tunnel is ended.
    command.args(["-o", "ControlMaster=no", "-o", "ControlPath=none"]);
    command.args(["-o", "ExitOnForwardFailure=yes", "-q", "-f", "-N"]);
    command.args(["-D", &format!("127.0.0.1:{port}")]).arg(&target.host);
    // Who reads our output to its end must not wait for the tunnel's.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().context("cannot run ssh")?;
    if !status.success() {
        let failure = Failure::new(Exit::Failed, format!("ssh ended with {status}"));
        return Err(failure.hint(format!("`limekiln shell {}` tells more", target.name)).into());
    }
    outln!("socks5h://127.0.0.1:{port}");
    errln!("for example: curl --proxy socks5h://127.0.0.1:{port} http://lima-NAME.internal");
    Ok(Exit::Done)
}

fn free_port(wanted: u16) -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_err(|error| {
        Failure::bad_input(format!("port {wanted} cannot be used: {error}"))
            .hint("choose another --socks-port")
    })?;
    Ok(listener.local_addr()?.port())
}
