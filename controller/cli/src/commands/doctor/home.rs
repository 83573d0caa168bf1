//! The home: its path's length, its owner, its space.

use std::os::unix::fs::MetadataExt;

use limekiln_api::HostFacts;

use super::check::{Check, State};

/// A name that most people would find long enough.
const ROOM_WANTED: usize = 20;
/// Less than this fills up with the first image.
const SPACE_WANTED: u64 = 5 << 30;

/// All about the home.
pub fn checks(facts: &HostFacts) -> Vec<Check> {
    vec![room(facts), owner(facts), space(facts)]
}

/// The socket's file name and two slashes take their part of the limit.
fn room(facts: &HostFacts) -> Check {
    let used = facts.lima_home.as_os_str().len() + "//ssh.sock.1234567890123456".len() + 1;
    let room = facts.unix_path_max.saturating_sub(used);
    let found = format!("{}: names up to {} bytes", facts.lima_home.display(), room.min(76));
    match room {
        0 => Check::bad(State::Fail, "home path", found, "set LIMA_HOME to a shorter path"),
        1..ROOM_WANTED => {
            Check::bad(State::Warn, "home path", found, "a shorter LIMA_HOME allows longer names")
        }
        _ => Check::ok("home path", found),
    }
}

fn owner(facts: &HostFacts) -> Check {
    let what = "home access";
    match facts.lima_home.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::ok(what, "will be made")
        }
        Err(error) => Check::bad(State::Fail, what, error.to_string(), "make it readable"),
        Ok(meta) if meta.uid() != rustix::process::geteuid().as_raw() => {
            let found = format!("belongs to the user id {}", meta.uid());
            Check::bad(State::Fail, what, found, "use a LIMA_HOME of your own")
        }
        Ok(meta) if meta.mode() & 0o022 != 0 => {
            let found = format!("others can write to it (mode {:03o})", meta.mode() & 0o777);
            Check::bad(
                State::Warn,
                what,
                found,
                format!("chmod go-w {}", facts.lima_home.display()),
            )
        }
        Ok(_) => Check::ok(what, "yours"),
    }
}

fn space(facts: &HostFacts) -> Check {
    let existing = facts.lima_home.ancestors().find(|path| path.exists()).unwrap_or(&facts.home);
    match rustix::fs::statvfs(existing) {
        Err(error) => {
            Check::bad(State::Warn, "free space", error.to_string(), "check the file system")
        }
        Ok(stat) => {
            let free = stat.f_bavail * stat.f_frsize;
            let found = format!("{:.1}GiB", free as f64 / (1u64 << 30) as f64);
            match free < SPACE_WANTED {
                true => Check::bad(
                    State::Warn,
                    "free space",
                    found,
                    "an image with its guest takes some GiB",
                ),
                false => Check::ok("free space", found),
            }
        }
    }
}
