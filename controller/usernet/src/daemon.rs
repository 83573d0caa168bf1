//! A daemon's life: it takes the network, locks itself in, serves, and leaves nothing behind.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::api::{Api, Forwards, StateFile, serve};
use crate::datapath::{Datapath, Listeners};
use crate::dns::{HostsFile, Zones, upstream};
use crate::gateway::{Dhcp, Gateway};
use crate::leases::{self, Leases};
use crate::mail::{Mail, Mailbox};
use crate::pidfile::PidFile;
use crate::reach::Reach;
use crate::sandbox::{self, Bounds};
use crate::services::{Saved, Services};
use crate::spool::Spool;
use crate::switch::{Cards, Switch};
use crate::turn::Network;
use crate::worker::{Files, Worker, save};
use crate::{Config, Error, token};

/// Descriptors that are not for connections of guests: each VM's cable and process, 1,024 of both at
/// most, what the name server needs, and files. Of few, a quarter.
const RESERVED: u64 = 3072;

/// What macOS lets a program have where it says that there is no limit (`OPEN_MAX`).
const UNLIMITED: u64 = 10_240;

/// Serves a network until SIGINT or SIGTERM.
///
/// # Errors
/// Another daemon has it; a socket or file can't be made; the operating system fails.
pub fn run(config: &Config, log: &Spool) -> Result<(), Error> {
    let descriptors = raise_descriptors();
    let pidfile = config.pidfile.as_deref().map(PidFile::take).transpose()?;
    let leases = leases(config);
    let mut cards = cards(config);
    cards.taken_mut().retain(|mac| leases.of(mac).is_some());
    let search = upstream::search();
    let sockets = Sockets::listen(config)?;
    sandbox::enter(&bounds(config))?;
    log.start(io::stderr()).map_err(Error::system("start a thread"))?;
    let poll = mio::Poll::new().map_err(Error::system("watch sockets"))?;
    let waker = mio::Waker::new(poll.registry(), token::MAIL);
    let (mailbox, mail) = Mailbox::new(Arc::new(waker.map_err(Error::system("watch sockets"))?));
    let network =
        Network { subnet: config.subnet, mtu: config.mtu, reach: Reach::new(config.allow.clone()) };
    let gateway = Gateway::new(Dhcp::new(leases, &search), descriptors);
    let (services, tasks, saved) = Services::new();
    let state = StateFile(config.state_file.clone());
    let worker = Helper { mailbox: mailbox.clone(), config: config.clone(), state: state.clone() };
    let Sockets { listeners, endpoint, paths } = sockets;
    let (started, start) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("services".to_owned())
        .spawn(move || worker.run(endpoint, tasks, saved, &started))
        .map_err(Error::system("start a thread"))?;
    // A thread that can't start drops its end.
    start
        .recv()
        .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
        .map_err(Error::system("start the services"))?;
    let switch = Switch::new(cards);
    let mut datapath = Datapath::new(poll, network, switch, gateway, services, listeners, mail)
        .map_err(Error::system("watch sockets"))?;
    let ended = datapath.run().map_err(Error::system("watch sockets"));
    // The services end when nothing can ask them any longer.
    drop(datapath);
    let _ = thread.join();
    state.remove();
    paths.iter().for_each(|path| drop(fs::remove_file(path)));
    drop(pidfile);
    ended
}

struct Helper {
    mailbox: Mailbox,
    config: Config,
    state: StateFile,
}

impl Helper {
    fn run(
        self,
        endpoint: Option<UnixListener>,
        tasks: tokio::sync::mpsc::UnboundedReceiver<crate::services::Task>,
        saved: tokio::sync::mpsc::UnboundedReceiver<Saved>,
        started: &mpsc::Sender<io::Result<()>>,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // For the C library's resolver, which blocks: as many VMs can ask all that they may.
            .max_blocking_threads(512)
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let gateway = self.config.subnet.gateway();
        let zones = Zones::new(gateway, self.config.hosts.clone())
            .with_file(HostsFile::new(self.config.hosts_file.clone()));
        let zones = Arc::new(Mutex::new(zones));
        let worker = Worker { mailbox: self.mailbox.clone(), zones: Arc::clone(&zones), gateway };
        let saving = match self.save(saved) {
            Ok(saving) => saving,
            Err(error) => return drop(started.send(Err(error))),
        };
        let forwards = Mutex::new(Forwards::default());
        self.state.restore(&self.mailbox, &zones, &forwards);
        let (mailbox, state) = (self.mailbox, self.state);
        let api = Arc::new(Api { mailbox: mailbox.clone(), zones, forwards, state });
        runtime.block_on(async move {
            let listener = endpoint.map(|endpoint| {
                endpoint.set_nonblocking(true)?;
                tokio::net::UnixListener::from_std(endpoint)
            });
            match listener.transpose() {
                Ok(Some(listener)) => drop(tokio::spawn(serve(listener, api))),
                Ok(None) => {}
                Err(error) => return drop(started.send(Err(error))),
            }
            if started.send(Ok(())).is_ok() {
                worker.run(tasks).await;
            }
        });
        // A resolver that hangs keeps nobody from ending.
        runtime.shutdown_background();
        mailbox.post(Mail::Stop);
        // What was to be saved is saved.
        let _ = saving.join();
    }

    /// Starts the thread that saves leases and cards.
    fn save(
        &self,
        saved: tokio::sync::mpsc::UnboundedReceiver<Saved>,
    ) -> io::Result<std::thread::JoinHandle<()>> {
        let (leases, cards) = (self.config.leases_file.clone(), self.config.cards_file.clone());
        let (files, mailbox) = (Files { leases, cards }, self.mailbox.clone());
        std::thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || save(&files, &mailbox, saved))
    }
}

/// What VMs already have: by the file, then by the command line.
fn leases(config: &Config) -> Leases {
    let mut leases = Leases::new(config.subnet);
    if let Some(path) = &config.leases_file
        && let Err(error) = leases.load(path)
    {
        let aside = leases::aside(path);
        tracing::warn!("the leases in {} can't be read: {error}; {aside}", path.display());
    }
    config.leases.iter().for_each(|(address, mac)| leases.insert(*address, *mac));
    leases
}

/// Which address was whose card's.
fn cards(config: &Config) -> Cards {
    let mut cards = Cards::new();
    if let Some(path) = &config.cards_file
        && let Err(error) = cards.load(path)
    {
        let aside = leases::aside(path);
        tracing::warn!("the cards in {} can't be read: {error}; {aside}", path.display());
    }
    cards
}

/// The sockets of a network, as Lima names them.
struct Sockets {
    listeners: Listeners,
    endpoint: Option<UnixListener>,
    paths: Vec<PathBuf>,
}

impl Sockets {
    /// The last one, for descriptors, is what Lima waits for: then the others are there.
    fn listen(config: &Config) -> Result<Self, Error> {
        let endpoint = config.endpoint.as_deref().map(listen).transpose()?;
        let qemu = config.listen_qemu.as_deref().map(listen).transpose()?;
        let handed = config.listen.as_deref().map(listen).transpose()?;
        let paths = [&config.endpoint, &config.listen_qemu, &config.listen];
        let paths = paths.into_iter().flatten().cloned().collect();
        Ok(Self { listeners: Listeners { qemu, handed }, endpoint, paths })
    }
}

/// Listens; what an earlier daemon left behind is replaced, and nothing but a socket.
fn listen(path: &Path) -> Result<UnixListener, Error> {
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        fs::remove_file(path).map_err(Error::file("remove", path))?;
    }
    let listener = UnixListener::bind(path).map_err(Error::file("listen on", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(Error::file("protect", path))?;
    Ok(listener)
}

/// The directories in which it keeps something, or removes it at the end, and what it reads.
fn bounds(config: &Config) -> Bounds {
    let files = [
        &config.pidfile,
        &config.endpoint,
        &config.listen_qemu,
        &config.listen,
        &config.leases_file,
        &config.cards_file,
        &config.state_file,
    ];
    let parent = |path: &PathBuf| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).to_owned()
    };
    let mut writable: Vec<_> = files.into_iter().flatten().map(parent).collect();
    writable.sort();
    writable.dedup();
    Bounds { writable, readable: config.hosts_file.iter().map(parent).collect() }
}

/// Takes as many descriptors as the system lets it have; returns how many connections may use.
fn raise_descriptors() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // With fewer it only serves fewer.
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(UNLIMITED), maximum });
    }
    let have = getrlimit(Resource::Nofile).current.or(current).unwrap_or(u64::MAX);
    usize::try_from(have - RESERVED.min(have / 4)).unwrap_or(usize::MAX)
}
