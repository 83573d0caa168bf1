//! ssh that never asks.

use std::path::Path;

/// The command for git, from what the user has set; other programs than OpenSSH's are left as
/// they are, because their options differ.
pub(super) fn never_asking(command: &str) -> String {
    let program = command.split_whitespace().next().unwrap_or_default();
    if Path::new(program).file_name().is_some_and(|name| name == "ssh") {
        // The last two end a connection that has died, also when nobody is left to kill git.
        format!(
            "{command} -oBatchMode=yes -oConnectTimeout=20 \
             -oServerAliveInterval=15 -oServerAliveCountMax=3"
        )
    } else {
        command.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::never_asking;

    #[test]
    fn what_the_user_set_stays_and_openssh_is_told_not_to_ask() {
        let own = never_asking("/usr/bin/ssh -i ~/key");
        assert!(own.starts_with("/usr/bin/ssh -i ~/key -oBatchMode=yes "), "{own}");
        assert_eq!(never_asking("plink -batch"), "plink -batch");
    }
}
