//! `limekiln list`

use std::sync::Arc;

use clap::Args;
use limekiln_model::{InstancePhase, ObservedInstance};
use serde_json::json;

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::format::{Format, print_data};
use crate::output::table::Table;

/// List instances as limactl does.
#[derive(Args)]
pub struct ListArgs {
    /// Only these
    names: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// Only names
    #[arg(short, long)]
    quiet: bool,
}

/// Prints the instances, whoever made them.
///
/// # Errors
/// If the home cannot be read.
pub fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let observed = app.observe()?;
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|asked| asked == name);
    let instances: Vec<_> =
        observed.instances.iter().filter(|(name, _)| wanted(name.as_str())).collect();
    let missing =
        args.names.iter().find(|asked| !instances.iter().any(|(name, _)| name.as_str() == **asked));
    if args.quiet || args.output == Format::Name {
        instances.iter().for_each(|(name, _)| outln!("{name}"));
    } else if !print_data(
        args.output,
        &instances.iter().map(|(name, instance)| data(name.as_str(), instance)).collect::<Vec<_>>(),
    )? {
        print_table(&app, &instances, args.output == Format::Wide);
    }
    match missing {
        None => Ok(Exit::Done),
        Some(name) => {
            Err(Failure::new(Exit::Failed, format!("there is no instance {name}")).into())
        }
    }
}

/// Lima's words: it knows only whether the driver and the host agent run.
fn status(instance: &ObservedInstance) -> &'static str {
    match instance.phase {
        InstancePhase::Broken { .. } => "Broken",
        _ if instance.phase.is_running() => "Running",
        _ => "Stopped",
    }
}

fn data(name: &str, instance: &ObservedInstance) -> serde_json::Value {
    let config = instance.config.as_ref();
    json!({
        "name": name,
        "hostname": format!("lima-{}", name.replace(['.', '_'], "-")),
        "status": status(instance),
        "dir": instance.dir,
        "vmType": config.and_then(|config| config.vm_type.as_deref()),
        "arch": config.and_then(|config| config.arch),
        "cpus": config.and_then(|config| config.cpus),
        "memory": config.and_then(|config| config.memory).map(|size| size.0),
        "disk": instance.disk_bytes,
        "sshLocalPort": instance.ssh_port,
        "sshConfigFile": instance.dir.join("ssh.config"),
        "protected": instance.protected,
    })
}

fn print_table(
    app: &App,
    instances: &[(&limekiln_model::Name, &Arc<ObservedInstance>)],
    wide: bool,
) {
    if instances.is_empty() {
        errln!("no instances; make one with `limekiln apply -f FILE`");
        return;
    }
    let whole = table(app, instances, true);
    let shown = if wide || whole.fits() { whole } else { table(app, instances, false) };
    out!("{}", shown.render());
}

/// As limactl's; the directories are left out where they do not fit.
fn table(
    app: &App,
    instances: &[(&limekiln_model::Name, &Arc<ObservedInstance>)],
    with_dir: bool,
) -> Table {
    let header = ["NAME", "STATUS", "SSH", "VMTYPE", "ARCH", "CPUS", "MEMORY", "DISK", "DIR"];
    let columns = if with_dir { header.len() } else { header.len() - 1 };
    let mut table = Table::new(&header[..columns]);
    for (name, instance) in instances {
        let mut row = row(app, name.as_str(), instance);
        row.truncate(columns);
        table.row(row);
    }
    table
}

fn row(app: &App, name: &str, instance: &ObservedInstance) -> Vec<String> {
    let config = instance.config.as_ref();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        name.to_owned(),
        status(instance).to_owned(),
        or_dash(instance.ssh_port.map(|port| format!("127.0.0.1:{port}"))),
        or_dash(config.and_then(|config| config.vm_type.clone())),
        or_dash(config.and_then(|config| config.arch).map(|arch| arch.to_string())),
        or_dash(config.and_then(|config| config.cpus).map(|cpus| cpus.to_string())),
        or_dash(config.and_then(|config| config.memory).map(|size| size.to_string())),
        or_dash(instance.disk_bytes.map(|bytes| limekiln_api::ByteSize(bytes).to_string())),
        app.short_path(&instance.dir),
    ]
}
