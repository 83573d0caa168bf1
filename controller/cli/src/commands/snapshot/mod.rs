//! `limekiln snapshot`

use clap::{Args, Subcommand};

use crate::compose::{App, refused};
use crate::exit::Exit;
use crate::output::ask::consent;
use crate::output::table::Table;
use crate::refs::instance;

/// States of an instance that can be gone back to: its disk, and while it runs, all its disks and its memory.
#[derive(Args)]
#[command(after_help = "Example: limekiln snapshot create web --tag before-upgrade")]
pub struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Subcommand)]
enum SnapshotCommand {
    /// Keep the present state
    #[command(visible_alias = "save")]
    Create(Tagged),
    /// Go back: what was written since is lost
    #[command(visible_alias = "load")]
    Apply {
        #[command(flatten)]
        which: Tagged,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Forget a snapshot
    #[command(visible_alias = "del")]
    Delete(Tagged),
    /// List snapshots
    #[command(visible_alias = "ls")]
    List {
        /// The instance
        name: String,
        /// Only tags
        #[arg(short, long)]
        quiet: bool,
    },
}

#[derive(Args)]
struct Tagged {
    /// The instance
    name: String,
    /// What the snapshot is called
    #[arg(long)]
    tag: String,
}

/// Does what was asked.
///
/// # Errors
/// If there is no such instance or snapshot, or a disk or the memory cannot be kept.
pub fn run(args: &SnapshotArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let hand = app.by_hand();
    match &args.command {
        SnapshotCommand::Create(Tagged { name, tag }) => {
            let name = instance(name)?;
            app.block_on(hand.create_snapshot(&name, tag)).map_err(refused)?;
            outln!("snapshot {tag} of instance/{name} is kept");
            outln!("go back with: limekiln snapshot apply {name} --tag {tag}");
        }
        SnapshotCommand::Apply { which: Tagged { name, tag }, yes } => {
            let name = instance(name)?;
            consent(*yes, &format!("what instance/{name} wrote since {tag} is lost. Go on?"))?;
            app.block_on(hand.apply_snapshot(&name, tag)).map_err(refused)?;
            outln!("instance/{name} is as it was at {tag}");
        }
        SnapshotCommand::Delete(Tagged { name, tag }) => {
            let name = instance(name)?;
            app.block_on(hand.delete_snapshot(&name, tag)).map_err(refused)?;
            outln!("snapshot {tag} of instance/{name} is gone");
        }
        SnapshotCommand::List { name, quiet } => {
            let snapshots = hand.snapshots(&instance(name)?).map_err(refused)?;
            if *quiet {
                snapshots.iter().for_each(|one| outln!("{}", one.tag));
            } else if snapshots.is_empty() {
                errln!("no snapshots; make one with `limekiln snapshot create {name} --tag TAG`");
            } else {
                let mut table = Table::new(&["TAG", "MADE", "MEMORY"]);
                for one in &snapshots {
                    let made = jiff::Timestamp::from_second(one.date_sec);
                    let made = made.map(|made| made.to_string()).unwrap_or_default();
                    let memory = match one.vm_state_size {
                        0 => "-".to_owned(),
                        bytes => format!("{} MiB", bytes >> 20),
                    };
                    table.row(vec![one.tag.clone(), made, memory]);
                }
                out!("{}", table.render());
            }
        }
    }
    Ok(Exit::Done)
}
