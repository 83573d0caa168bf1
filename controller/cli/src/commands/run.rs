//! `limekiln run`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use limekiln_reconciler::{
    Configured, Controller, ControllerOptions, Handle, HomeError, Intake, ReconcileError,
};
use limekiln_server::{Desk, Feed, MetricsAddress, MetricsServer, Server};
use limekiln_sources::WatchRoot;
use tokio_util::sync::CancellationToken;

use crate::commands::apply::PolicyArgs;
use crate::compose::{self, App};
use crate::course::Course;
use crate::exit::{Exit, Failure};
use crate::output::log::{Changes, Log, LogFormat};
use crate::output::time::parse_duration;
use crate::run_config::RunConfig;
use crate::signals::Signals;
use crate::sources::SourceArgs;
use crate::supervisor;
use crate::waking::Waking;

/// Keep what exists as the manifests want it, until stopped. VMs go on when it ends.
#[derive(Args, Clone)]
#[command(
    after_help = "It looks again whenever a manifest changes, and every few seconds. A manifest that is wrong\nfreezes its object; a directory that is gone or empty deletes nothing. SIGHUP reads\nsources and policies of --config, _config/default.yaml and override.yaml again; what is wrong\nthere is told, and what was read before stays in force.\n\nExamples:\n  limekiln run -f ~/vms\n  limekiln run -f ~/vms --prune --log-format json"
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
    /// Look again after this long at the latest: 1s to 1d
    #[arg(long, value_parser = parse_resync, default_value = "10s", value_name = "TIME")]
    resync: Duration,
    /// Remove parked objects for good after this long; `forever` keeps them
    #[arg(long, value_parser = parse_keep, default_value = "30d", value_name = "TIME")]
    keep_parked: Keep,
    /// Serve figures for Prometheus: unix:PATH or 127.0.0.1:PORT
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<MetricsAddress>,
    /// How to write what happens
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

impl RunArgs {
    /// Whether its log is for programs.
    pub fn is_for_programs(&self) -> bool {
        self.log_format == LogFormat::Json
    }
}

/// How long something is kept; for ever if nothing is said.
#[derive(Clone, Copy)]
struct Keep(Option<Duration>);

/// Without a pause it would do nothing else.
fn parse_resync(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    match time.as_secs() {
        1..=86_400 => Ok(time),
        _ => Err(format!("{text:?} is not between 1s and 1d")),
    }
}

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
    compose::warn_about_root();
    let read = {
        let args = args.clone();
        move || Setup::read(&args, log)
    };
    let mut course = Course::new(Signals::listen()?, log, read);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut setup = runtime.block_on(course.first())?;
    let mut turn = Turn::First;
    while let Some(Setup { app, inputs }) = setup {
        app.block_on(until_signal(&app, inputs, args, log, turn, &mut course))?;
        setup = course.next();
        turn = Turn::Reloaded;
    }
    log.note("stopped; VMs go on");
    Ok(Exit::Done)
}

/// Whether a process's first controller begins, or one that read everything anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Reloaded,
}

/// So often a lock that somebody else has is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// So often a service manager hears that it waits for that.
const ALIVE: Duration = Duration::from_secs(5);

/// What a controller works with from one SIGHUP to the next.
struct Setup {
    app: App,
    inputs: Inputs,
}

impl Setup {
    /// Reads all that is configured. Acts on nothing.
    fn read(args: &RunArgs, log: Log) -> anyhow::Result<Self> {
        let app = App::open()?;
        let inputs = inputs(&app, args, log)?;
        Ok(Self { app, inputs })
    }
}

/// Lets a controller work until a signal ends it, or everything was read anew.
async fn until_signal(
    app: &App,
    inputs: Inputs,
    args: &RunArgs,
    log: Log,
    turn: Turn,
    course: &mut Course<Setup>,
) -> anyhow::Result<()> {
    let feed = Feed::new(&app.reconciler.journal());
    let taken = feed.clone();
    let on_event = Arc::new(move |plan: &_, event: &_| {
        log.event(plan, event);
        taken.on_event(plan, event);
    });
    let Inputs { intake, roots, shown } = inputs;
    let mut controller =
        Controller::new(Arc::clone(&app.reconciler), intake, options(args), on_event);
    let (handle, stop) = (controller.handle(), CancellationToken::new());
    // Only who has the lock answers for the home.
    match turn {
        Turn::First => controller.lock().map_err(compose::told)?,
        Turn::Reloaded => {
            lock_again(&mut controller, &stop, course, log).await?;
            if stop.is_cancelled() {
                return Ok(());
            }
            log.note("reloaded");
        }
    }
    let _metrics = metrics(args, &handle, &feed)?;
    let server = serve(app, handle.clone(), feed, log);
    let work = controller.run(stop.clone());
    tokio::pin!(work);
    log.note(&format!("keeps {shown} as wanted; Ctrl-C ends it, and VMs go on"));
    let waking = Waking::start(handle.clone(), roots, app.reconciler.home());
    let (mut state, mut changes) = (handle.state(), Changes::new(log));
    let mut ready = supervisor::Ready::new();
    loop {
        tokio::select! {
            ended = &mut work => {
                waking.end();
                // Who ordered something hears how it ended.
                if let Some(server) = server {
                    server.stop();
                }
                return ended.map_err(compose::told);
            }
            Ok(()) = state.changed() => {
                let state = state.borrow_and_update();
                ready.looked(&state);
                supervisor::looked(&state);
                changes.tell(&state);
            }
            news = course.news() => course.mind(news, &stop)?,
        }
    }
}

/// Takes the lock, which the controller before let go: an `apply` may have got it in between, and
/// is waited for. Ends without it when a signal says so.
async fn lock_again(
    controller: &mut Controller,
    stop: &CancellationToken,
    course: &mut Course<Setup>,
    log: Log,
) -> anyhow::Result<()> {
    let mut told = None::<Instant>;
    while !stop.is_cancelled() {
        match controller.lock() {
            Err(ReconcileError::Home(other @ HomeError::Locked { .. })) => {
                if told.is_none() {
                    log.warn(&format!("{other}; this controller goes on when that has ended"));
                }
                if told.is_none_or(|at| at.elapsed() >= supervisor::at_least(ALIVE)) {
                    supervisor::waiting("waits for another limekiln that works on the home");
                    told = Some(Instant::now());
                }
            }
            other => return other.map_err(compose::told),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            news = course.news() => course.mind(news, stop)?,
        }
    }
    Ok(())
}

fn options(args: &RunArgs) -> ControllerOptions {
    let mut policy = args.policy.policy();
    // A configuration says of each source whether it prunes.
    policy.prune |= args.config.is_some();
    ControllerOptions {
        policy,
        resync: supervisor::at_least(args.resync),
        keep_parked: args.keep_parked.0,
        ..ControllerOptions::default()
    }
}

/// Begins to answer; without it everything goes on but what needs it.
fn serve(app: &App, handle: Handle, feed: Feed, log: Log) -> Option<Server> {
    let desk = Desk::of(Arc::clone(&app.reconciler), handle);
    match Server::start(desk, feed) {
        Ok(server) => Some(server),
        Err(error) => {
            let hint = error.hint().map(|hint| format!(" → {hint}")).unwrap_or_default();
            log.warn(&format!("goes on without control API: {}{hint}", chain(&error)));
            None
        }
    }
}

fn metrics(args: &RunArgs, handle: &Handle, feed: &Feed) -> anyhow::Result<Option<MetricsServer>> {
    let Some(address) = &args.metrics else { return Ok(None) };
    let server = MetricsServer::start(address, handle.clone(), feed.clone());
    server.map(Some).map_err(|error| {
        let failure = Failure::new(Exit::Failed, chain(&error));
        error.hint().into_iter().fold(failure, Failure::hint).into()
    })
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
