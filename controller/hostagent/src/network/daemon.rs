//! The daemon of a user-v2 network: found, started, stopped.
//!
//! It belongs to nobody: whoever needs it first starts it, and it outlives them all. Its pid file,
//! its sockets and its arguments are Lima's, so that Lima finds ours and we find Lima's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use limekiln_api::NetworkSpec;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::lock::Lock;
use super::{Endpoint, NetworkError, NetworkFiles};
use crate::atomic;
use crate::pidfile;
use crate::process::{self, Process};

/// A daemon that does not listen by then has gone wrong.
const START: Duration = Duration::from_secs(20);
/// The longest packet where the definition and the words say nothing: Lima's, too.
const MTU: u16 = 1500;
/// Between two looks at a new one.
const LOOK: Duration = Duration::from_millis(5);
/// As long as Lima waits before it kills.
const STOP: Duration = Duration::from_secs(5);

/// The program whose `usernet` subcommand is the daemon: `$LIMEKILN_USERNET_EXE`, or this one.
/// `limactl` has it, too.
pub fn program() -> PathBuf {
    let named = std::env::var_os("LIMEKILN_USERNET_EXE").filter(|name| !name.is_empty());
    named.map(PathBuf::from).or_else(|| std::env::current_exe().ok()).unwrap_or("limekiln".into())
}

/// Whether the program is Lima's, which has fewer options.
fn is_limas(exe: &Path) -> bool {
    exe.file_name().is_some_and(|name| name == "limactl")
}

/// A new log; the one before stays beside it, since it tells why the daemon before ended.
fn new_log(path: &Path) -> io::Result<File> {
    // One that is empty tells nothing that the one before it doesn't tell better.
    if fs::metadata(path).is_ok_and(|log| log.len() > 0) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    File::create(path)
}

/// The value of an option among a program's words: `--name value` or `--name=value`.
fn option(words: &[String], name: &str) -> Option<String> {
    let after = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let joined = || words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    after.map(String::as_str).or_else(joined).map(str::to_owned)
}

/// The daemon of one network, whether it runs or not.
#[derive(Clone, Debug)]
pub struct Daemon {
    files: NetworkFiles,
}

impl Daemon {
    /// Of the network with these files.
    pub fn new(files: NetworkFiles) -> Self {
        Self { files }
    }

    /// Its files.
    pub fn files(&self) -> &NetworkFiles {
        &self.files
    }

    /// Its API.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(&self.files)
    }

    /// Its process, if it lives. The pid in the file may by now be anybody's: the daemon is known
    /// by its arguments, which name its directory.
    pub fn pid(&self) -> Option<u32> {
        let pid = pidfile::read(&self.files.pidfile())?;
        (process::exists(pid) && process::names(pid, self.files.dir())).then_some(pid)
    }

    /// Whether it is Lima's program that runs.
    pub fn is_limas(&self) -> bool {
        let words = self.running_words();
        words.first().is_some_and(|first| first.rsplit('/').next() == Some("limactl"))
    }

    /// The words with which the one that runs was started; none if that can't be seen, as
    /// everywhere but on Linux.
    fn running_words(&self) -> Vec<String> {
        let Some(pid) = self.pid() else { return Vec::new() };
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = words.split(|byte| *byte == 0);
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// Whether the one that runs serves the definition's addresses. The pid file's owner may have
    /// been started by Lima, or before `networks.yaml` was changed.
    fn agrees(&self, spec: &NetworkSpec) -> Result<(), NetworkError> {
        let words = self.running_words();
        let (Some(theirs), Some(wanted)) = (option(&words, "--subnet"), spec.subnet()) else {
            return Ok(());
        };
        let other = |theirs: String, wanted: String| {
            Err(NetworkError::Other { network: self.files.name().to_owned(), theirs, wanted })
        };
        // Lima writes its gateway's address before the slash.
        let same = theirs.parse::<ipnet::Ipv4Net>().is_ok_and(|theirs| theirs.trunc() == wanted);
        if !same {
            return other(theirs, wanted.to_string());
        }
        let theirs = option(&words, "--mtu").unwrap_or_else(|| MTU.to_string());
        let wanted = spec.mtu.unwrap_or(MTU).to_string();
        if theirs != wanted {
            return other(format!("packets of {theirs} bytes"), wanted);
        }
        Ok(())
    }

    /// The same, to be watched.
    pub fn process(&self) -> Option<Process> {
        let pid = self.pid()?;
        Process::foreign(pid, process::start_time(pid)?)
    }

    /// Whether it lives and all its sockets are there.
    pub fn serves(&self) -> bool {
        self.pid().is_some() && self.files.sockets().iter().all(|socket| socket.exists())
    }

    /// Makes sure that it runs: starts it unless it does. Of many who ask at once one starts it.
    ///
    /// # Errors
    /// It does not start, or ends at once; or one runs that serves other addresses than the
    /// definition's: guests would get these, so it is not used, nor ended under others' guests.
    pub async fn ensure(&self, exe: &Path, spec: &NetworkSpec) -> Result<(), NetworkError> {
        if self.serves() && self.endpoint().answers().await {
            return self.agrees(spec);
        }
        let _lock = Lock::take(self.files.dir()).await?;
        if self.pid().is_some() {
            self.agrees(spec)?;
            return self.until_it_serves(None).await;
        }
        self.remove_stale()?;
        let child = self.spawn(exe, spec)?;
        self.until_it_serves(Some(child)).await
    }

    /// Stops it and keeps its leases for the next; does nothing if it does not run.
    ///
    /// `unless` is asked when nobody else can start or stop it any more; if it says why not,
    /// nothing happens.
    ///
    /// # Errors
    /// The leases can't be written: then it is left running, as Lima leaves it.
    pub async fn stop(
        &self,
        unless: impl FnOnce() -> Option<String> + Send,
    ) -> Result<Option<String>, NetworkError> {
        if !self.files.dir().exists() {
            return Ok(None);
        }
        let _lock = Lock::take(self.files.dir()).await?;
        if let Some(why) = unless() {
            return Ok(Some(why));
        }
        if let Some(process) = self.process() {
            self.keep_leases().await?;
            process.interrupt();
            if timeout(STOP, process.exited()).await.is_err() {
                process.kill();
                process.exited().await;
            }
        }
        self.remove_stale()?;
        Ok(None)
    }

    /// One that is silent has told its leases before, or keeps them itself.
    async fn keep_leases(&self) -> Result<(), NetworkError> {
        let Ok(leases) = self.endpoint().leases().await else { return Ok(()) };
        self.write_leases(&leases)
    }

    fn write_leases(&self, leases: &BTreeMap<Ipv4Addr, String>) -> Result<(), NetworkError> {
        let path = self.files.leases();
        let json = serde_json::to_vec(leases)
            .map_err(|error| NetworkError::file("write", &path)(error.into()))?;
        atomic::write(&path, &json, 0o644)
            .map_err(|error| NetworkError::file("write", &path)(io::Error::other(error)))
    }

    /// What a daemon that was killed left behind would keep the next from starting.
    fn remove_stale(&self) -> Result<(), NetworkError> {
        for path in self.files.sockets().into_iter().chain([self.files.pidfile()]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(NetworkError::file("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn spawn(&self, exe: &Path, spec: &NetworkSpec) -> Result<Child, NetworkError> {
        let (out, err) = (self.files.stdout(), self.files.stderr());
        let log = |path: &Path| new_log(path).map_err(NetworkError::file("write", path));
        let mut command = Command::new(exe);
        command.args(self.words(exe, spec)?);
        command.stdin(Stdio::null()).stdout(log(&out)?).stderr(log(&err)?);
        // Ctrl-C reaches the whole foreground group, and no network shall end by it.
        command.process_group(0);
        command.spawn().map_err(|error| NetworkError::Start {
            network: self.files.name().to_owned(),
            reason: format!("cannot run {}: {error}", exe.display()),
        })
    }

    /// Lima's own words for `limactl usernet`, and files of its own for ours, which keeps what it
    /// was told by itself.
    fn words(&self, exe: &Path, spec: &NetworkSpec) -> Result<Vec<OsString>, NetworkError> {
        let subnet = spec.subnet().ok_or_else(|| NetworkError::Definition {
            network: self.files.name().to_owned(),
            reason: "it has no gateway, so no subnet".to_owned(),
        })?;
        let mut words: Vec<OsString> = vec!["usernet".into()];
        for (option, path) in [
            ("--pidfile", self.files.pidfile()),
            ("--endpoint", self.files.endpoint()),
            ("--listen-qemu", self.files.qemu()),
            ("--listen", self.files.descriptors()),
        ] {
            words.extend([option.into(), path.into()]);
        }
        words.extend(["--subnet".into(), subnet.to_string().into()]);
        if let Some(mtu) = spec.mtu {
            words.extend(["--mtu".into(), mtu.to_string().into()]);
        }
        if !is_limas(exe) {
            words.extend(["--leases-file".into(), self.files.leases().into()]);
            words.extend(["--cards-file".into(), self.files.cards().into()]);
            words.extend(["--state-file".into(), self.files.state().into()]);
            words.extend(["--hosts-file".into(), self.files.definition().into()]);
            spec.allow.iter().for_each(|net| words.extend(["--allow".into(), net.into()]));
            return Ok(words);
        }
        let leases = self.kept_leases();
        if !leases.is_empty() {
            let leases: Vec<_> = leases.iter().map(|(ip, mac)| format!("{ip}={mac}")).collect();
            words.extend(["--leases".into(), leases.join(",").into()]);
        }
        Ok(words)
    }

    /// Notes the addresses that the daemon has given out, in case that it is killed. Ours does so
    /// itself, and two that write one file lose leases; so the one that runs counts, not the one
    /// that would be started.
    ///
    /// # Errors
    /// They can't be written.
    pub async fn note_leases(
        &self,
        leases: &BTreeMap<Ipv4Addr, String>,
    ) -> Result<(), NetworkError> {
        let limas = if cfg!(target_os = "linux") { self.is_limas() } else { is_limas(&program()) };
        if !limas {
            return Ok(());
        }
        let _lock = Lock::take(self.files.dir()).await?;
        let mut all = self.kept_leases();
        // Of two looks the older one may come last.
        all.retain(|_, mac| !leases.values().any(|known| known == mac));
        all.extend(leases.iter().map(|(address, mac)| (*address, mac.clone())));
        self.write_leases(&all)
    }

    /// A file that can't be read costs addresses, not the network.
    fn kept_leases(&self) -> BTreeMap<Ipv4Addr, String> {
        let text = fs::read(self.files.leases()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    async fn until_it_serves(&self, mut child: Option<Child>) -> Result<(), NetworkError> {
        let begun = Instant::now();
        let failed = |reason| NetworkError::Start { network: self.files.name().to_owned(), reason };
        while begun.elapsed() < START {
            if self.serves() && self.endpoint().answers().await {
                return Ok(());
            }
            let ended = child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(failed(self.last_words().unwrap_or_else(|| status.to_string())));
            }
            sleep(LOOK).await;
        }
        Err(failed(format!("it does not listen after {} s", START.as_secs())))
    }

    fn last_words(&self) -> Option<String> {
        let text = fs::read_to_string(self.files.stderr()).ok()?;
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        // A logger of Lima's kind puts the text into a field.
        let field = line.split_once("msg=").map_or(line, |(_, message)| message);
        Some(field.trim_matches('"').chars().take(400).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon() -> (tempfile::TempDir, Daemon) {
        let home = tempfile::tempdir().unwrap();
        let daemon = Daemon::new(NetworkFiles::new(home.path(), "lan"));
        (home, daemon)
    }

    fn spec() -> NetworkSpec {
        NetworkSpec { gateway: "10.7.0.1".parse().ok(), ..NetworkSpec::default() }.filled()
    }

    #[test]
    fn what_the_definition_allows_is_handed_to_a_daemon_of_ours() {
        let (_home, daemon) = daemon();
        let more = NetworkSpec { mtu: Some(9000), allow: vec!["127.0.0.0/8".into()], ..spec() };
        let words = |exe: &str| {
            let words = daemon.words(exe.as_ref(), &more).unwrap();
            words.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        assert!(words("/bin/limekiln").contains(" --mtu 9000 "));
        assert!(words("/bin/limekiln").contains("/lan/definition.json --allow 127.0.0.0/8"));
        let limas = words("/bin/limactl");
        assert!(limas.contains(" --mtu 9000") && !limas.contains("--allow"), "{limas}");
    }

    #[test]
    fn a_pid_file_that_names_a_stranger_names_no_daemon() {
        let (_home, daemon) = daemon();
        fs::create_dir_all(daemon.files.dir()).unwrap();
        fs::write(daemon.files.pidfile(), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(daemon.pid(), None);
        fs::write(daemon.files.pidfile(), "garbage").unwrap();
        assert_eq!(daemon.pid(), None);
    }

    #[test]
    fn the_words_are_limas_and_leases_are_handed_on() {
        let (home, daemon) = daemon();
        fs::create_dir_all(daemon.files.dir()).unwrap();
        fs::write(daemon.files.leases(), r#"{"10.7.0.3":"52:55:55:00:00:01"}"#).unwrap();
        let words = daemon.words("/usr/bin/limactl".as_ref(), &spec()).unwrap();
        let text = words.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
        let text = text.replace(&home.path().display().to_string(), "");
        assert_eq!(
            text,
            "usernet --pidfile /_networks/lan/usernet_lan.pid --endpoint /_networks/lan/lan_ep.sock \
             --listen-qemu /_networks/lan/lan_qemu.sock --listen /_networks/lan/lan_fd.sock \
             --subnet 10.7.0.0/24 --leases 10.7.0.3=52:55:55:00:00:01"
        );
        fs::write(daemon.files.leases(), "{").unwrap();
        let words = |exe: &str| daemon.words(exe.as_ref(), &spec()).unwrap();
        assert!(!words("/usr/bin/limactl").contains(&"--leases".into()));
        for word in ["--leases-file", "--cards-file", "--state-file", "--hosts-file"] {
            assert!(words("/usr/bin/limekiln").contains(&word.into()), "{word}");
        }
    }

    #[test]
    fn one_old_log_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("usernet.lan.stderr.log");
        for text in ["first", "second", "", "third"] {
            let mut log = new_log(&path).unwrap();
            io::Write::write_all(&mut log, text.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        assert_eq!(read("usernet.lan.stderr.log"), "third");
        assert_eq!(read("usernet.lan.stderr.log.old"), "second");
    }

    #[test]
    fn options_are_found_in_both_forms() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let subnet = |text| option(&words(text), "--subnet");
        assert_eq!(
            subnet("limekiln usernet --subnet 10.7.0.0/24 -e x"),
            Some("10.7.0.0/24".into())
        );
        assert_eq!(subnet("limactl usernet --subnet=10.7.0.0/24"), Some("10.7.0.0/24".into()));
        assert_eq!(subnet("limactl usernet --subnets 1"), None);
        assert_eq!(subnet("limactl usernet --subnet"), None);
    }

    /// A process with these words, which are in its command line and do nothing.
    #[cfg(target_os = "linux")]
    async fn pretend(daemon: &Daemon, program: &str, subnet: &str) -> Child {
        fs::create_dir_all(daemon.files.dir()).unwrap();
        let mut command = Command::new("sh");
        command.arg0(program).args(["-c", "sleep 60; :", "usernet", "--endpoint"]);
        command.arg(daemon.files.endpoint()).args(["--subnet", subnet]);
        let child = command.kill_on_drop(true).spawn().unwrap();
        fs::write(daemon.files.pidfile(), child.id().unwrap().to_string()).unwrap();
        let begun = Instant::now();
        while daemon.running_words().first().is_none_or(|word| word != program) {
            assert!(begun.elapsed() < Duration::from_secs(10));
            sleep(LOOK).await;
        }
        child
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn one_that_serves_other_addresses_is_refused() {
        let (_home, daemon) = daemon();
        let _child = pretend(&daemon, "limekiln", "10.8.0.0/24").await;
        let error = daemon.ensure("/bin/false".as_ref(), &spec()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the daemon of network/lan that runs serves 10.8.0.0/24, and its definition says \
             10.7.0.0/24"
        );
        assert!(error.hint().is_some());
        assert!(daemon.pid().is_some(), "it is left running");
        drop(_child);
        let _child = pretend(&daemon, "limactl", "10.7.0.2/24").await;
        assert!(daemon.agrees(&spec()).is_ok(), "the same network in other words");
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn leases_are_noted_for_limas_daemon_alone() {
        let leases = BTreeMap::from([([10, 7, 0, 3].into(), "52:55:55:00:00:01".to_owned())]);
        for (program, noted) in [("/usr/bin/limekiln", false), ("/usr/bin/limactl", true)] {
            let (_home, daemon) = daemon();
            let _child = pretend(&daemon, program, "10.7.0.0/24").await;
            daemon.note_leases(&leases).await.unwrap();
            assert_eq!(daemon.files.leases().exists(), noted, "{program}");
        }
    }

    #[tokio::test]
    async fn one_that_ends_at_once_is_told_with_its_last_words() {
        let (home, daemon) = daemon();
        let script = home.path().join("broken");
        fs::write(&script, "#!/bin/sh\necho 'level=fatal msg=\"no luck\"' >&2\nexit 1\n").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&script, executable).unwrap();
        let error = daemon.ensure(&script, &spec()).await.unwrap_err().to_string();
        assert_eq!(error, "the daemon of network/lan did not start: no luck");
        assert_eq!(daemon.stop(|| None).await.unwrap(), None, "nothing to stop");
    }
}
