//! Host agents as processes of their own, which can be killed: this test program again.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use limekiln_hostagent::HostAgentArgs;
use limekiln_hostagent::api::{AgentStatus, Client};
use limekiln_hostagent::events::{Event, EventReader, Status};

use crate::instance::Instance;
use crate::post_mortem;

/// A running host agent. Its VM is killed with it if a test fails.
pub struct Agent {
    child: Child,
    dir: PathBuf,
    events: EventReader,
    /// Those that were read with one that was waited for, and came after it.
    unread: VecDeque<Event>,
    since: Timestamp,
}

impl Agent {
    pub fn start(instance: &Instance) -> Self {
        Self::spawn(&instance.args())
    }

    pub fn adopt(instance: &Instance) -> Self {
        let mut args = instance.args();
        args.adopt = true;
        Self::spawn(&args)
    }

    /// As Lima does it where its users ask for it.
    pub fn start_forwarding_by_ssh(instance: &Instance) -> Self {
        Self::start_with(instance, "LIMA_SSH_PORT_FORWARDER", "true")
    }

    /// As whoever has such a variable starts it.
    pub fn start_with(instance: &Instance, variable: &str, value: &str) -> Self {
        Self::spawn_with(&instance.args(), &[(variable, value)])
    }

    pub fn spawn(args: &HostAgentArgs) -> Self {
        Self::spawn_with(args, &[])
    }

    pub fn spawn_with(args: &HostAgentArgs, environment: &[(&str, &str)]) -> Self {
        let dir = args.instance_dir.clone();
        let words: Vec<String> =
            args.to_words().into_iter().map(|word| word.into_string().unwrap()).collect();
        let since = Timestamp::now();
        let log = dir.join("ha.stderr.log");
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["agent::process", "--exact", "--ignored", "--nocapture"])
            .env("LIMEKILN_TEST_AGENT", words.join("\n"))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let events = EventReader::new(&dir.join("ha.stdout.log"));
        Self { child, dir, events, unread: VecDeque::new(), since }
    }

    /// Waits for an event, longer than a host agent waits for the boot of a full guest: what it
    /// says of one that was in vain comes, too.
    pub fn wait_for(&mut self, wanted: impl Fn(&Status) -> bool) -> Event {
        let deadline = Instant::now() + Duration::from_secs(660);
        loop {
            let ended = self.child.try_wait().unwrap().is_some();
            self.unread.extend(self.events.poll().unwrap());
            while let Some(event) = self.unread.pop_front() {
                // The log may hold the events of an earlier host agent.
                if event.time >= self.since && wanted(&event.status) {
                    return event;
                }
            }
            assert!(!ended, "the host agent ended");
            assert!(Instant::now() < deadline, "no such event in time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("ha.stderr.log")).unwrap_or_default()
    }

    pub fn client(&self) -> Client {
        Client::new(self.dir.join("ha.sock"))
    }

    pub fn status(&self) -> AgentStatus {
        block_on(self.client().status()).unwrap()
    }

    pub fn client_answers(&mut self) -> bool {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "the host agent ended: {}", self.log());
        block_on(self.client().status()).is_ok()
    }

    /// Whether it ends soon, with these words in its log.
    pub fn ended_without(&mut self, words: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && !self.dir.join("qemu.pid").exists() {
            if self.child.try_wait().unwrap().is_some() {
                let log = std::fs::read_to_string(self.dir.join("ha.stderr.log")).unwrap();
                return log.contains(words);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    pub fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// The host agent alone; its VM lives on.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the host agent.
    pub fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        until("the host agent's end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    pub fn qemu_pid(&self) -> u32 {
        std::fs::read_to_string(self.dir.join("qemu.pid")).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.kill();
        }
        if !std::thread::panicking() {
            return;
        }
        post_mortem::print(&self.dir);
        if self.dir.join("qemu.pid").exists() {
            let pid = self.qemu_pid().to_string();
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    }
}

/// Waits until something holds; a test that waits in vain fails, and does not hang.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Not a test: what [`Agent`] starts.
#[test]
#[ignore = "run by other tests as a host agent"]
fn process() {
    let Ok(words) = std::env::var("LIMEKILN_TEST_AGENT") else { return };
    let args = HostAgentArgs::from_words(words.split('\n').map(Into::into)).unwrap();
    assert_eq!(limekiln_hostagent::main(args), ExitCode::SUCCESS);
}
