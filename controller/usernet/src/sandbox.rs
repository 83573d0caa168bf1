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
    const DENIED: [&str; 56] = [
        "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime",
        "delete_module", "execve", "execveat", "fanotify_init", "finit_module", "fsconfig",
        "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
        "io_uring_setup", "ioprio_set", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "mount",
        "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open",
        "personality", "pidfd_getfd", "pidfd_send_signal", "pivot_root", "process_vm_readv",
        "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "rt_sigqueueinfo",
        "rt_tgsigqueueinfo", "sched_setaffinity", "sched_setattr", "sched_setparam",
        "sched_setscheduler", "setns", "setpriority", "settimeofday", "swapoff", "swapon", "tkill",
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

    /// The machine's own ports, which only x86 has.
    #[cfg(target_arch = "x86_64")]
    const PORTS: [&str; 2] = ["ioperm", "iopl"];
    #[cfg(not(target_arch = "x86_64"))]
    const PORTS: [&str; 0] = [];

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
    /// routes, which the C library's resolver asks for to sort addresses; and those of IP for other
    /// kinds than streams and datagrams, which root might open (of which one, `SOCK_PACKET`, makes a
    /// packet socket of any family), or for other protocols than TCP, UDP and echo requests.
    fn sockets() -> Vec<serde_json::Value> {
        // sys/socket.h: families, and the kind, beside which are flags; netinet/in.h: protocols.
        const UNIX: u64 = 1;
        const INET: u64 = 2;
        const INET6: u64 = 10;
        const NETLINK: u64 = 16;
        // SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET.
        const OTHER_KINDS: [u64; 5] = [3, 4, 5, 6, 10];
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
            let of_kind = |other| rule("socket", &[of_it.clone(), (1, kind.clone(), other)]);
            all.extend(OTHER_KINDS.map(of_kind));
            let mut protocol = vec![of_it];
            protocol.extend([0, ICMP, TCP, UDP].map(|known| (2, ne.clone(), known)));
            all.push(rule("socket", &protocol));
        }
        all
    }

    /// In the library's JSON, since it knows each architecture's numbers only there.
    fn filters() -> serde_json::Value {
        let calls = DENIED.iter().chain(&FORKS).chain(&PORTS).map(|call| json!({"syscall": call}));
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
    mod tests;
}

/// Does nothing: there is no such thing here.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &Bounds) -> Result<(), crate::Error> {
    Ok(())
}
