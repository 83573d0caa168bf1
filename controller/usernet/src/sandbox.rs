//! The daemon locks itself in before it reads the first byte of a guest.
//!
//! It parses what enemies send; should one of them ever take it over, it finds no program to run,
//! no file to write but the network's own state, and nothing to read but what the C library's
//! resolver needs. On Linux: a Landlock domain for files (landlock(7)) and a seccomp filter for
//! system calls (seccomp(2)).
//!
//! Connections stay open to it: TCP and UDP since they are its work, and those to unix sockets with
//! a path since the C library's resolver asks nscd, sssd or systemd by them. (Those with an abstract
//! name are closed from Linux 6.12 on.)

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

    /// What the C library's resolver reads: its configuration, hosts, and modules.
    #[rustfmt::skip]
    const READABLE: [&str; 10] = [
        "/mnt/wsl/resolv.conf", "/var/lib/sss", "/etc", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/run", "/proc/self"];

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
            .add_rules(path_beneath_rules(&bounds.readable, read))?
            .add_rules(path_beneath_rules(["/dev/null", "/dev/urandom"], read))?
            .add_rules(path_beneath_rules(&bounds.writable, write))?
            .restrict_self()
    }

    /// Calls with which a program takes over more than it has. All others stay: which ones the C
    /// library's resolver makes is its own business, and changes.
    #[rustfmt::skip]
    const DENIED: [&str; 40] = [
        "acct", "add_key", "bpf", "chroot", "delete_module", "execve", "execveat", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
        "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp", "kexec_load", "keyctl",
        "mount", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree",
        "perf_event_open", "personality", "pidfd_getfd", "pivot_root", "process_vm_readv",
        "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setns", "swapon",
        "umount2", "unshare", "userfaultfd",
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

    /// In the library's JSON, since it knows each architecture's numbers only there.
    fn filters() -> serde_json::Value {
        let calls = DENIED.iter().chain(&FORKS).map(|call| json!({"syscall": call}));
        // No new process, only threads.
        let fork = json!({"syscall": "clone", "args": [
            {"index": 0, "type": "qword", "op": {"masked_eq": CLONE_THREAD}, "val": 0},
        ]});
        let denied: Vec<_> = calls.chain([fork]).collect();
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

        /// What the kernel would do: the programs use no more than these steps.
        fn verdict(program: &[seccompiler::sock_filter], number: u32) -> u32 {
            const X86_64: u32 = 0xc000_003e;
            let data = [number, X86_64];
            let (mut at, mut value) = (0, 0);
            loop {
                let step = &program[at];
                let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
                at += 1 + match step.code {
                    // Arguments are zero.
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
            let denied = |number| {
                let all = programs.iter().map(|program| verdict(program, number));
                all.min().unwrap() != 0x7fff_0000
            };
            // fork, vfork, execve; clone without CLONE_THREAD; and what x32 calls execve.
            for number in [57, 58, 59, 56, 0x4000_0000 + 520, 0x4000_0000] {
                assert!(denied(number), "{number}");
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
