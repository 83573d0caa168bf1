//! The daemon locks itself in before it reads the first byte of a guest.
//!
//! It parses what enemies send; should one of them ever take it over, it finds no program to run,
//! no file to write but the network's own state, and nothing to read but what the C library's
//! resolver needs. On Linux: a Landlock domain for files (landlock(7)) and a seccomp filter for
//! system calls (seccomp(2)).
//!
//! Connections stay open to it: TCP and UDP since they are its work, and those to unix sockets with
//! a path since the C library's resolver asks nscd, sssd or systemd by them. (Those with an abstract
//! name are closed from Linux 6.12 on.) Other kinds of sockets, and signals to other processes, are
//! denied.

/// What the daemon may still do with files.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Directories in which it writes and removes: those of its state and its sockets.
    pub writable: Vec<std::path::PathBuf>,
    /// Directories in which it reads, besides those of the C library's resolver.
    pub readable: Vec<std::path::PathBuf>,
}

#[cfg(target_os = "linux")]
pub use linux::enter;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::{Path, PathBuf};

    use landlock::RulesetStatus::NotEnforced;
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
    };
    use seccompiler::BpfProgram;
    #[cfg(target_arch = "x86_64")]
    use seccompiler::sock_filter;
    use serde_json::json;

    use super::Bounds;
    use crate::Error;

    /// What the C library's resolver reads: its configuration, hosts, and modules. Of `/run` no more:
    /// sessions keep their secrets there.
    #[rustfmt::skip]
    const READABLE: [&str; 11] = [
        "/mnt/wsl/resolv.conf", "/var/lib/sss", "/etc", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store",
        "/run/systemd/resolve", "/run/nscd", "/proc/self"];

    /// Where the resolver's configuration really is: whatever makes it replaces it now and then, so
    /// its directory is meant, but not one that others share.
    fn configuration() -> Option<PathBuf> {
        let file = std::fs::canonicalize("/etc/resolv.conf").ok()?;
        let dir = file.parent()?;
        let shared = ["/", "/run", "/var/run", "/tmp", "/var/tmp", "/home", "/root"];
        let is_shared = shared.iter().any(|shared| dir == Path::new(shared));
        Some(if is_shared { file } else { dir.to_owned() })
    }

    /// Locks this thread, and all that it starts, in for good.
    ///
    /// # Errors
    /// The kernel refuses. That it knows no Landlock is only said in the log.
    pub fn enter(bounds: &Bounds) -> Result<(), Error> {
        let status = files(bounds).map_err(|error| Error::Sandbox(error.to_string()))?;
        if status.ruleset == NotEnforced {
            tracing::warn!("this kernel has no Landlock: the daemon could open your files");
        }
        calls()
    }

    fn files(bounds: &Bounds) -> Result<RestrictionStatus, RulesetError> {
        let abi = ABI::V6;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = read
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::MakeSock
            | AccessFs::RemoveFile;
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .scope(Scope::Signal | Scope::AbstractUnixSocket)?
            .create()?
            .add_rules(path_beneath_rules(READABLE, read))?
            .add_rules(path_beneath_rules(configuration(), read))?
            .add_rules(path_beneath_rules(&bounds.readable, read))?
            .add_rules(path_beneath_rules(["/dev/null", "/dev/urandom"], read))?
            .add_rules(path_beneath_rules(&bounds.writable, write))?
            .restrict_self()
    }

    /// Calls with which a program takes over more than it has. All others stay: which ones the C
    /// library's resolver makes is its own business, and changes.
    #[rustfmt::skip]
    const DENIED: [&str; 44] = [
        "acct", "add_key", "bpf", "chroot", "delete_module", "execve", "execveat", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
        "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp", "kexec_load", "keyctl",
        "mount", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree",
        "perf_event_open", "personality", "pidfd_getfd", "pidfd_send_signal", "pivot_root",
        "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key",
        "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setns", "swapon", "tkill", "umount2", "unshare",
        "userfaultfd",
    ];

    /// clone(2): a thread, not a process.
    const CLONE_THREAD: u64 = 0x0001_0000;

    /// The kernel's numbers for "not permitted" and "no such call".
    const EPERM: u32 = 1;
    const ENOSYS: u32 = 38;

    /// Older calls that make a process; other architectures never had them.
    #[cfg(target_arch = "x86_64")]
    const FORKS: [&str; 2] = ["fork", "vfork"];
    #[cfg(not(target_arch = "x86_64"))]
    const FORKS: [&str; 0] = [];

    fn calls() -> Result<(), Error> {
        for program in programs()? {
            seccompiler::apply_filter(&program)
                .map_err(|error| Error::Sandbox(error.to_string()))?;
        }
        Ok(())
    }

    /// The kernel asks each of them, and does what the strictest says.
    fn programs() -> Result<Vec<BpfProgram>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Sandbox(error.to_string());
        let arch = std::env::consts::ARCH.try_into().map_err(|error| failed(&error))?;
        let text = filters().to_string();
        let programs = seccompiler::compile_from_json(text.as_bytes(), arch)
            .map_err(|error| failed(&error))?;
        Ok(programs.into_values().chain(other_tables()).collect())
    }

    /// The kernel's second table of calls for x86_64, x32, has the same calls under other numbers,
    /// which no filter by number sees (seccomp(2), `__X32_SYSCALL_BIT`).
    #[cfg(target_arch = "x86_64")]
    fn other_tables() -> Option<BpfProgram> {
        const X32: u32 = 0x4000_0000;
        let step = |code: u16, jt, jf, k| sock_filter { code, jt, jf, k };
        Some(vec![
            // linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS of the number, BPF_JMP | BPF_JGE | BPF_K,
            // BPF_RET | BPF_K. linux/seccomp.h: SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW.
            step(0x20, 0, 0, 0),
            step(0x35, 0, 1, X32),
            step(0x06, 0, 0, 0x0005_0000 | EPERM),
            step(0x06, 0, 0, 0x7fff_0000),
        ])
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn other_tables() -> Option<BpfProgram> {
        None
    }

    /// A rule of the library's JSON: the call, with arguments by index, operator and value.
    fn rule(call: &str, args: &[(u8, serde_json::Value, u64)]) -> serde_json::Value {
        let args = args
            .iter()
            .map(|(index, op, val)| json!({"index": index, "type": "dword", "op": op, "val": val}));
        json!({"syscall": call, "args": args.collect::<Vec<_>>()})
    }

    /// Signals to other processes: the call by hand, and by a descriptor that tells somebody else
    /// that it is ready (fcntl(2), `F_SETOWN`, `F_SETOWN_EX`; ioctl(2), `FIOSETOWN`, `SIOCSPGRP`).
    fn signals(own: u32) -> Vec<serde_json::Value> {
        let to_others = ["kill", "tgkill"].map(|call| rule(call, &[(0, json!("ne"), own.into())]));
        let owners = [("fcntl", 8), ("fcntl", 15), ("ioctl", 0x8901), ("ioctl", 0x8902)]
            .map(|(call, command)| rule(call, &[(1, json!("eq"), command)]));
        // So are other processes' limits: 0 is its own.
        let limits = rule("prlimit64", &[(0, json!("ne"), 0), (0, json!("ne"), own.into())]);
        to_others.into_iter().chain(owners).chain([limits]).collect()
    }

    /// Sockets that are not its work: of other families than IP and unix; of netlink more than the
    /// routes, which the C library's resolver asks for to sort addresses; and those of IP for raw
    /// packets, which root might open, or for other protocols than TCP, UDP and echo requests.
    fn sockets() -> Vec<serde_json::Value> {
        // sys/socket.h: families, and the kind, beside which are flags; netinet/in.h: protocols.
        const UNIX: u64 = 1;
        const INET: u64 = 2;
        const INET6: u64 = 10;
        const NETLINK: u64 = 16;
        const RAW: u64 = 3;
        const ICMP: u64 = 1;
        const TCP: u64 = 6;
        const UDP: u64 = 17;
        let (eq, ne, kind) = (json!("eq"), json!("ne"), json!({"masked_eq": 0xf}));
        let other = [UNIX, INET, INET6, NETLINK].map(|family| (0, ne.clone(), family));
        let mut all = vec![
            rule("socket", &other),
            rule("socket", &[(0, eq.clone(), NETLINK), (2, ne.clone(), 0)]),
            rule("socketpair", &[(0, ne.clone(), UNIX)]),
        ];
        for family in [INET, INET6] {
            let of_it = (0, eq.clone(), family);
            all.push(rule("socket", &[of_it.clone(), (1, kind.clone(), RAW)]));
            let mut protocol = vec![of_it];
            protocol.extend([0, ICMP, TCP, UDP].map(|known| (2, ne.clone(), known)));
            all.push(rule("socket", &protocol));
        }
        all
    }

    /// In the library's JSON, since it knows each architecture's numbers only there.
    fn filters() -> serde_json::Value {
        let calls = DENIED.iter().chain(&FORKS).map(|call| json!({"syscall": call}));
        // No new process, only threads.
        let fork = json!({"syscall": "clone", "args": [
            {"index": 0, "type": "qword", "op": {"masked_eq": CLONE_THREAD}, "val": 0},
        ]});
        let signals = signals(std::process::id());
        let denied: Vec<_> = calls.chain([fork]).chain(signals).chain(sockets()).collect();
        json!({
            "denied": {
                "mismatch_action": "allow",
                "match_action": {"errno": EPERM},
                "filter": denied,
            },
            // Its flags are behind a pointer, where no filter sees them; the C library then takes
            // the older call.
            "unseen": {
                "mismatch_action": "allow",
                "match_action": {"errno": ENOSYS},
                "filter": [{"syscall": "clone3"}],
            },
        })
    }

    #[cfg(test)]
    mod tests {
        use std::io::ErrorKind::PermissionDenied;
        use std::os::unix::process::CommandExt;
        use std::process::Command;

        use landlock::RulesetStatus::{self, FullyEnforced, NotEnforced};

        use super::{Bounds, enter, programs};

        /// In a thread: the lock is the thread's, and the tests' own process stays as it is.
        fn locked_in<T: Send + 'static>(
            dir: &std::path::Path,
            tries: fn(&std::path::Path) -> T,
        ) -> T {
            let dir = dir.to_owned();
            let thread = std::thread::spawn(move || {
                let (writable, readable) = (vec![dir.join("inside")], vec![dir.join("read")]);
                enter(&Bounds { writable, readable }).unwrap();
                tries(&dir)
            });
            thread.join().unwrap()
        }

        #[test]
        fn no_program_is_executed_and_no_process_made() {
            let dir = tempfile::tempdir().unwrap();
            let (exec, spawned) = locked_in(dir.path(), |_| {
                // If it were executed, it would take the place of the tests, and fail.
                let exec = Command::new("/bin/false").exec();
                (exec.kind(), Command::new("/bin/true").spawn().map(drop).map_err(|e| e.kind()))
            });
            assert_eq!((exec, spawned), (PermissionDenied, Err(PermissionDenied)));
            // A thread is none, and more than the test can do without.
            let joined = locked_in(dir.path(), |_| std::thread::spawn(|| 7).join().ok());
            assert_eq!(joined, Some(7));
        }

        #[test]
        fn files_are_opened_only_where_they_are_needed() {
            if landlock() == NotEnforced {
                println!("SKIPPED: this kernel has no Landlock");
                return;
            }
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("inside")).unwrap();
            std::fs::write(dir.path().join("secret"), "of yours").unwrap();
            std::fs::create_dir(dir.path().join("read")).unwrap();
            std::fs::write(dir.path().join("read/names"), "").unwrap();
            let kinds = locked_in(dir.path(), |dir| {
                let kind = |done: std::io::Result<()>| done.err().map(|error| error.kind());
                [
                    kind(std::fs::read(dir.join("secret")).map(drop)),
                    kind(std::fs::write(dir.join("new"), "")),
                    kind(std::fs::write("/etc/limekiln-test", "")),
                    kind(std::fs::write(dir.join("inside/new"), "")),
                    kind(std::fs::rename(dir.join("inside/new"), dir.join("inside/other"))),
                    kind(std::fs::read("/etc/passwd").map(drop)),
                    kind(std::fs::read(dir.join("read/names")).map(drop)),
                    kind(std::fs::write(dir.join("read/names"), "")),
                ]
            });
            let denied = Some(PermissionDenied);
            assert_eq!(kinds, [denied, denied, denied, None, None, None, None, denied]);
        }

        fn landlock() -> RulesetStatus {
            let tried = || super::files(&Bounds::default()).unwrap().ruleset;
            std::thread::spawn(tried).join().unwrap()
        }

        #[test]
        fn unix_sockets_of_others_are_reached_by_path_alone() {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
            let dir = tempfile::tempdir().unwrap();
            let _by_path = UnixListener::bind(dir.path().join("s")).unwrap();
            let name = dir.path().as_os_str().as_encoded_bytes().to_vec();
            let abstract_one = SocketAddr::from_abstract_name(name).unwrap();
            let _by_name = UnixListener::bind_addr(&abstract_one).unwrap();
            let (by_path, by_name) = locked_in(dir.path(), |dir| {
                let name = dir.as_os_str().as_encoded_bytes();
                let address = SocketAddr::from_abstract_name(name).unwrap();
                let by_path = UnixStream::connect(dir.join("s")).map(drop);
                (by_path.is_ok(), UnixStream::connect_addr(&address).map(drop).is_ok())
            });
            assert!(by_path, "the resolver's services are reached so");
            if landlock() == FullyEnforced {
                assert!(!by_name);
            } else {
                println!("SKIPPED: this kernel has no Landlock, or one before its ABI 6 (6.12)");
            }
        }

        #[test]
        fn no_other_process_gets_a_signal() {
            use rustix::process::{PidfdFlags, Signal, getpid, kill_process, kill_process_group};
            use rustix::process::{kill_current_process_group, pidfd_open, pidfd_send_signal};
            let dir = tempfile::tempdir().unwrap();
            let mut other = Command::new("sleep").arg("60").spawn().unwrap();
            std::fs::write(dir.path().join("pid"), other.id().to_string()).unwrap();
            std::fs::create_dir(dir.path().join("read")).unwrap();
            std::fs::rename(dir.path().join("pid"), dir.path().join("read/pid")).unwrap();
            let (own, others) = locked_in(dir.path(), |dir| {
                let pid = std::fs::read_to_string(dir.join("read/pid")).unwrap();
                let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
                let by_descriptor = pidfd_open(pid, PidfdFlags::empty())
                    .and_then(|process| pidfd_send_signal(process, Signal::KILL));
                let others = [
                    kill_process(pid, Signal::KILL),
                    kill_process_group(pid, Signal::KILL),
                    by_descriptor,
                    // One that does nothing, should it be sent.
                    kill_current_process_group(Signal::CONT),
                    rustix::process::prlimit(
                        Some(pid),
                        rustix::process::Resource::Nofile,
                        rustix::process::Rlimit { current: Some(1), maximum: Some(1) },
                    )
                    .map(drop),
                ];
                // SIGCONT to itself changes nothing.
                (kill_process(getpid(), Signal::CONT), others)
            });
            let alive = other.try_wait().unwrap().is_none();
            other.kill().unwrap();
            other.wait().unwrap();
            assert_eq!(own, Ok(()));
            assert!(others.iter().all(|sent| *sent == Err(rustix::io::Errno::PERM)), "{others:?}");
            assert!(alive);
        }

        #[test]
        fn no_sockets_but_those_of_its_work_are_made() {
            use rustix::net::{AddressFamily, Protocol, SocketType, ipproto, netlink, socket};
            let dir = tempfile::tempdir().unwrap();
            let (made, denied) = locked_in(dir.path(), |_| {
                use AddressFamily as Family;
                let sctp = std::num::NonZero::new(132).map(Protocol::from_raw);
                let make = |family, kind, protocol| {
                    socket(family, kind, protocol).map(drop).map_err(|error| error.raw_os_error())
                };
                let made = [
                    make(Family::INET, SocketType::STREAM, None),
                    make(Family::INET, SocketType::DGRAM, Some(ipproto::UDP)),
                    make(Family::UNIX, SocketType::STREAM, None),
                    make(Family::NETLINK, SocketType::RAW, None),
                    rustix::net::socketpair(
                        Family::UNIX,
                        SocketType::DGRAM,
                        rustix::net::SocketFlags::CLOEXEC,
                        None,
                    )
                    .map(drop)
                    .map_err(|error| error.raw_os_error()),
                ];
                let denied = [
                    make(Family::PACKET, SocketType::RAW, None),
                    make(Family::VSOCK, SocketType::STREAM, None),
                    make(Family::BLUETOOTH, SocketType::RAW, None),
                    make(Family::from_raw(38), SocketType::SEQPACKET, None),
                    make(Family::NETLINK, SocketType::RAW, Some(netlink::KOBJECT_UEVENT)),
                    make(Family::INET, SocketType::RAW, Some(ipproto::ICMP)),
                    make(Family::INET6, SocketType::RAW, Some(ipproto::UDP)),
                    make(Family::INET, SocketType::STREAM, sctp),
                ];
                (made, denied)
            });
            assert!(made.iter().all(Result::is_ok), "{made:?}");
            assert!(
                denied.iter().all(|made| *made == Err(super::EPERM.cast_signed())),
                "{denied:?}"
            );
        }

        #[test]
        fn of_run_only_the_resolvers_part_is_read() {
            if landlock() == NotEnforced {
                println!("SKIPPED: this kernel has no Landlock");
                return;
            }
            let Ok(secret) = tempfile::Builder::new().tempfile_in("/run") else {
                println!("SKIPPED: this user may write nothing below /run");
                return;
            };
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("read")).unwrap();
            std::fs::write(dir.path().join("read/path"), secret.path().to_str().unwrap()).unwrap();
            let (secret, listed, configuration) = locked_in(dir.path(), |dir| {
                let secret = std::fs::read_to_string(dir.join("read/path")).unwrap();
                let kind = |done: std::io::Result<()>| done.err().map(|error| error.kind());
                let secret = kind(std::fs::read(secret).map(drop));
                let listed = kind(std::fs::read_dir("/run").map(drop));
                (secret, listed, std::fs::read("/etc/resolv.conf").map(drop).is_ok())
            });
            assert_eq!((secret, listed), (Some(PermissionDenied), Some(PermissionDenied)));
            assert_eq!(configuration, std::fs::read("/etc/resolv.conf").is_ok());
        }

        /// What the kernel would do: the programs use no more than these steps.
        fn verdict(program: &[seccompiler::sock_filter], number: u32, args: [u32; 2]) -> u32 {
            const X86_64: u32 = 0xc000_003e;
            // linux/seccomp.h, `seccomp_data`: arguments have 64 bits, the lower half first.
            let [first, second] = args;
            let data = [number, X86_64, 0, 0, first, 0, second, 0];
            let (mut at, mut value) = (0, 0);
            loop {
                let step = &program[at];
                let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
                at += 1 + match step.code {
                    // Other arguments are zero.
                    0x20 => {
                        value = data.get(step.k as usize / 4).copied().unwrap_or(0);
                        0
                    }
                    0x54 => {
                        value &= step.k;
                        0
                    }
                    0x05 => step.k as usize,
                    0x15 => jump(value == step.k),
                    0x25 => jump(value > step.k),
                    0x35 => jump(value >= step.k),
                    0x06 => return step.k,
                    code => panic!("step {code:#x}"),
                };
            }
        }

        #[test]
        #[cfg(target_arch = "x86_64")]
        fn older_calls_and_those_of_the_other_table_are_denied() {
            let programs = programs().unwrap();
            let denied_with = |number, args| {
                let all = programs.iter().map(|program| verdict(program, number, args));
                all.min().unwrap() != 0x7fff_0000
            };
            let denied = |number| denied_with(number, [0; 2]);
            // fork, vfork, execve; clone without CLONE_THREAD; and what x32 calls execve.
            for number in [57, 58, 59, 56, 0x4000_0000 + 520, 0x4000_0000] {
                assert!(denied(number), "{number}");
            }
            // tkill, rt_sigqueueinfo; tgkill and kill to others, and to itself; the owner of a
            // descriptor by fcntl and ioctl, and what else these do.
            let own = std::process::id();
            assert!(denied(200) && denied(129));
            for (number, args, expected) in [
                (234, [own + 1, 0], true),
                (234, [own, 0], false),
                (62, [0, 0], true),
                (62, [u32::MAX, 0], true),
                (62, [own, 0], false),
                (72, [3, 8], true),
                (72, [3, 15], true),
                (72, [3, 4], false),
                (16, [3, 0x8901], true),
                (16, [3, 0x8902], true),
                (16, [3, 0x5421], false),
            ] {
                assert_eq!(denied_with(number, args), expected, "{number} {args:?}");
            }
            // read, write, openat, futex.
            for number in [0, 1, 257, 202] {
                assert!(!denied(number), "{number}");
            }
        }
    }
}

/// Does nothing: there is no such thing here.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &Bounds) -> Result<(), crate::Error> {
    Ok(())
}
