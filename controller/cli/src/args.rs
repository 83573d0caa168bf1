//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    ack::AckArgs,
    apply::ApplyArgs,
    clone::CloneArgs,
    completion::CompletionArgs,
    copy::CopyArgs,
    delete::DeleteArgs,
    describe::DescribeArgs,
    diff::DiffArgs,
    disk::DiskCommandArgs,
    doctor::DoctorArgs,
    events::EventsArgs,
    explain::ExplainArgs,
    export::ExportArgs,
    get::GetArgs,
    graph::GraphArgs,
    history::HistoryArgs,
    hostagent::HostagentArgs,
    list::ListArgs,
    lock::LockArgs,
    logs::LogsArgs,
    man::ManArgs,
    network::NetworkCommandArgs,
    notify::NotifyArgs,
    plan::PlanArgs,
    plugin::PluginArgs,
    policy::PolicyCommandArgs,
    protect::{ProtectArgs, UnprotectArgs},
    rename::RenameArgs,
    restart::RestartArgs,
    rollback::RollbackArgs,
    run::RunArgs,
    schema::SchemaArgs,
    service::ServiceArgs,
    shell::ShellArgs,
    show_ssh::ShowSshArgs,
    snapshot::SnapshotArgs,
    start::StartArgs,
    stop::StopArgs,
    sudoers::SudoersArgs,
    suspend::{ResumeArgs, SuspendArgs},
    template::TemplateArgs,
    tunnel::TunnelArgs,
    undelete::UndeleteArgs,
    validate::ValidateArgs,
    wait::WaitArgs,
    watch::WatchArgs,
};

/// Commands that limactl does not have: what `limekiln plugin install` makes links for.
pub const PLUGIN_COMMANDS: [&str; 23] = [
    "ack", "apply", "describe", "diff", "doctor", "events", "explain", "export", "get", "graph",
    "history", "lock", "logs", "notify", "plan", "policy", "resume", "rollback", "run", "service",
    "suspend", "undelete", "wait",
];

/// Declarative Linux VMs: manifests in, running machines out.
#[derive(Parser)]
#[command(
    name = "limekiln",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Start with:  limekiln apply -f manifests/quickstart\n\nExit codes:  0 done, 1 failed, 2 differences (diff --exit-code), 3 bad input,\n             4 needs consent, 5 timed out"
)]
pub struct Cli {
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, display_order = 900, action = clap::ArgAction::Count)]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Make what exists match the manifests
    Apply(ApplyArgs),
    /// Keep what exists as the manifests want it: the controller
    Run(RunArgs),
    /// Show what `apply` would change
    Diff(DiffArgs),
    /// Write the plan to a file, for `apply FILE`
    Plan(PlanArgs),
    /// Check manifests
    Validate(ValidateArgs),
    /// List objects
    Get(GetArgs),
    /// Show all about an object
    Describe(DescribeArgs),
    /// Show what was done
    Events(EventsArgs),
    /// Wait until objects are ready
    Wait(WaitArgs),
    /// Delete objects; `undelete` brings them back
    Delete(DeleteArgs),
    /// Bring deleted objects back
    Undelete(UndeleteArgs),
    /// Tell the controller that a source has something new
    Notify(NotifyArgs),
    /// Have systemd or launchd run the controller
    Service(ServiceArgs),
    /// Show what the sources of the controller held
    History(HistoryArgs),
    /// Go back to what a source held before
    Rollback(RollbackArgs),
    /// Leave objects as they are, whatever manifests say
    Suspend(SuspendArgs),
    /// Let manifests count again for suspended objects
    Resume(ResumeArgs),
    /// Allow a controller to delete more than it would by itself
    Ack(AckArgs),
    /// Write down digests of all images and templates, for `--locked`
    Lock(LockArgs),
    /// Look at Lima templates
    Template(TemplateArgs),
    /// Look at what manifests may take from this host
    Policy(PolicyCommandArgs),
    /// Draw the plan
    Graph(GraphArgs),
    /// Explain a field of a manifest
    Explain(ExplainArgs),
    /// Print what exists as manifests
    Export(ExportArgs),
    /// List instances as limactl does
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Start instances
    Start(StartArgs),
    /// Stop instances
    Stop(StopArgs),
    /// Stop and start instances
    Restart(RestartArgs),
    /// Open a shell in an instance, or run a command there
    Shell(ShellArgs),
    /// Copy files between the host and instances
    Copy(CopyArgs),
    /// Show how to reach an instance by ssh
    ShowSsh(ShowSshArgs),
    /// Print a log of an instance
    Logs(LogsArgs),
    /// Show what the host agents tell
    Watch(WatchArgs),
    /// Copy a stopped instance
    Clone(CloneArgs),
    /// Give a stopped instance another name
    Rename(RenameArgs),
    /// Protect instances against deletion
    Protect(ProtectArgs),
    /// Let instances be deleted again
    Unprotect(UnprotectArgs),
    /// Additional disks, made and changed by hand
    Disk(DiskCommandArgs),
    /// Networks, made and removed by hand
    Network(NetworkCommandArgs),
    /// Open a SOCKS5 proxy into an instance's networks
    Tunnel(TunnelArgs),
    /// Print the sudoers file that socket_vmnet needs (macOS)
    Sudoers(SudoersArgs),
    /// States of an instance's disk that can be gone back to
    Snapshot(SnapshotArgs),
    /// Check this host
    Doctor(DoctorArgs),
    /// Print a JSON Schema
    Schema(SchemaArgs),
    /// Print a completion script
    Completion(CompletionArgs),
    /// Install the commands into limactl
    Plugin(PluginArgs),
    /// Write manual pages
    #[command(hide = true)]
    Man(ManArgs),
    /// Run one VM
    #[command(hide = true)]
    Hostagent(HostagentArgs),
    /// Serve a user-v2 network
    #[command(hide = true)]
    Usernet(limekiln_usernet::UsernetArgs),
}
