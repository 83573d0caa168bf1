//! `limekiln run`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use limekiln_reconciler::{Configured, Controller, ControllerOptions, Intake};
use limekiln_sources::WatchRoot;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::commands::apply::PolicyArgs;
use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::log::{Changes, Log, LogFormat};
use crate::output::time::parse_duration;
use crate::run_config::RunConfig;
use crate::sources::SourceArgs;
use crate::supervisor;
use crate::waking::Waking;

/// Keep what exists as the manifests want it, until stopped. VMs go on when it ends.
#[derive(Args)]
#[command(
    after_help = "It looks again whenever a manifest changes, and every few seconds. A manifest that is wrong\nfreezes its object; a directory that is gone or empty deletes nothing. SIGHUP reads\n_config/default.yaml and override.yaml again.\n\nExamples:\n  limekiln run -f ~/vms\n  limekiln run -f ~/vms --prune --log-format json"
)]
pub struct RunArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// A file that names sources: directories and git repositories (docs/sources.md)
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["filename", "recursive", "locked", "lock_file", "prune", "prune_all"]
    )]
    config: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Look again after this long at the latest
    #[arg(long, value_parser = parse_duration, default_value = "10s", value_name = "TIME")]
    resync: Duration,
    /// Remove parked objects for good after this long; `forever` keeps them
    #[arg(long, value_parser = parse_keep, default_value = "30d", value_name = "TIME")]
    keep_parked: Keep,
    /// How to write what happens
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// How long something is kept; for ever if nothing is said.
#[derive(Clone, Copy)]
struct Keep(Option<Duration>);

fn parse_keep(text: &str) -> Result<Keep, String> {
    match text {
        "forever" => Ok(Keep(None)),
        _ => parse_duration(text).map(|time| Keep(Some(time))),
    }
}

/// Works until SIGINT or SIGTERM.
///
/// # Errors
/// If nothing was named, or another limekiln works on the home.
pub fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let log = Log(args.log_format);
    crate::compose::warn_about_root();
    loop {
        let app = App::open()?;
        let again = app.block_on(until_signal(&app, args, log))?;
        if !again {
            log.note("stopped; VMs go on");
            return Ok(Exit::Done);
        }
        log.note("reloaded");
    }
}

/// Lets a controller work until a signal; true if everything is to be read anew.
async fn until_signal(app: &App, args: &RunArgs, log: Log) -> anyhow::Result<bool> {
    let mut signals = Signals::new()?;
    let mut policy = args.policy.policy();
    // A configuration says of each source whether it prunes.
    policy.prune |= args.config.is_some();
    let options = ControllerOptions {
        policy,
        resync: supervisor::at_least(args.resync),
        keep_parked: args.keep_parked.0,
        ..ControllerOptions::default()
    };
    let on_event = Arc::new(move |plan: &_, event: &_| log.event(plan, event));
    let Inputs { intake, roots, shown } = inputs(app, args, log)?;
    let controller = Controller::new(Arc::clone(&app.reconciler), intake, options, on_event);
    let (handle, stop) = (controller.handle(), CancellationToken::new());
    let work = controller.run(stop.clone());
    tokio::pin!(work);
    log.note(&format!("keeps {shown} as wanted; Ctrl-C ends it, and VMs go on"));
    let waking = Waking::start(handle.clone(), roots, app.reconciler.home());
    let (mut state, mut changes) = (handle.state(), Changes::new(log));
    let mut again = false;
    loop {
        tokio::select! {
            ended = &mut work => {
                waking.end();
                ended.map_err(told)?;
                return Ok(again);
            }
            Ok(()) = state.changed() => {
                let state = state.borrow_and_update();
                if state.passes == 1 {
                    supervisor::ready();
                }
                supervisor::looked(&state);
                changes.tell(&state);
            }
            hangup = signals.next() => {
                if stop.is_cancelled() && !hangup {
                    anyhow::bail!("stopped in the middle");
                }
                again = hangup;
                if !again {
                    supervisor::stopping();
                }
                stop.cancel();
            }
        }
    }
}

/// What a controller reads.
struct Inputs {
    intake: Box<dyn Intake>,
    /// The directories in which it is to be seen at once that something changed.
    roots: Vec<WatchRoot>,
    shown: String,
}

fn inputs(app: &App, args: &RunArgs, log: Log) -> anyhow::Result<Inputs> {
    let Some(file) = &args.config else {
        let intake = Box::new(args.source.intake(app, log)?);
        let shown = args.source.words().replace(" -f ", " ").trim().to_owned();
        return Ok(Inputs { intake, roots: args.source.roots(), shown });
    };
    let config = RunConfig::read(file)?;
    let roots = config.roots();
    let names: Vec<_> = config.sources.iter().map(|source| source.name.clone()).collect();
    let store = Arc::new(app.template_store());
    let intake = Configured::new(config.sources, app.reconciler.home(), store)
        .map_err(|error| Failure::bad_input(chain(&error)))?
        .telling(log.teller());
    Ok(Inputs { intake: Box::new(intake), roots, shown: names.join(", ") })
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// The next one; true if it is SIGHUP.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => false,
            _ = self.hangup.recv() => true,
        }
    }
}
