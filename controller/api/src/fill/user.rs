//! The guest's user.

use std::collections::BTreeMap;

use crate::lima::{Os, Text, User};
use crate::strings::{GuestVariables, Problem, expand};
use crate::{HostFacts, Lima, LimaVersion, Name};

/// Fills in the guest's user; its home directory is a template string, and what is wrong with it
/// is returned.
pub(super) fn fill(
    lima: &mut Lima,
    name: &Name,
    host: &HostFacts,
    creator: &LimaVersion,
    param: Option<&BTreeMap<String, Text>>,
) -> Vec<Problem> {
    let os = lima.os.unwrap_or_default();
    let user = lima.user.get_or_insert_with(User::default);
    let login = user.name.get_or_insert_with(|| login_name(&host.user_name, creator)).clone();
    // Lima refuses uid 0 in the guest, so a host user who is root becomes an ordinary one.
    let uid = *user.uid.get_or_insert(if host.user_uid == 0 { 1000 } else { host.user_uid });
    user.comment.get_or_insert_with(|| host.user_comment.clone());
    user.shell.get_or_insert_with(|| shell(os).to_owned());
    user.passwordless_sudo.get_or_insert(os != Os::Darwin);
    let home = user.home.get_or_insert_with(|| home_dir(os, creator).to_owned());
    let variables = GuestVariables {
        name: name.as_str(),
        hostname: &name.hostname(),
        user: &login,
        uid,
        home: &home.clone(),
        param,
    };
    let expansion = expand(home, &variables);
    if let Some(text) = expansion.text {
        *home = text;
    }
    expansion.problems
}

fn shell(os: Os) -> &'static str {
    match os {
        Os::Linux => "/bin/bash",
        Os::Darwin => "/bin/zsh",
        Os::FreeBsd => "/bin/sh",
        Os::Windows => "cmd.exe",
    }
}

fn home_dir(os: Os, creator: &LimaVersion) -> &'static str {
    match os {
        Os::Darwin => "/Users/{{.User}}.guest",
        _ if creator.is_at_least([2, 1, 0]) => "/home/{{.User}}.guest",
        _ => "/home/{{.User}}.linux",
    }
}

/// The host user's name where it can be one in the guest, else `lima`.
fn login_name(host: &str, creator: &LimaVersion) -> String {
    let mut bytes = host.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let goes_on = bytes.all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
    });
    // Some distributions have a group of this name.
    let reserved = host == "admin" && creator.is_at_least([1, 0, 0]);
    let usable = starts && goes_on && host != "root" && !reserved;
    if usable { host.to_owned() } else { "lima".to_owned() }
}
