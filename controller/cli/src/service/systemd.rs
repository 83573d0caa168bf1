//! systemd's user manager.

use std::path::PathBuf;

use anyhow::Context;

use super::{Manager, Start, WATCHDOG, words};

const UNIT: &str = "limekiln.service";

pub(super) fn manager() -> anyhow::Result<Manager> {
    let config = match std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => std::env::home_dir().context("there is no home directory")?.join(".config"),
    };
    Ok(Manager {
        name: "systemd",
        file: config.join("systemd/user").join(UNIT),
        text: |start, _| unit(start),
        // The journal has it.
        log: None,
        unload: |_| Vec::new(),
        start: |_| {
            vec![
                words("systemctl --user daemon-reload"),
                words(&format!("systemctl --user enable {UNIT}")),
                // One that runs already gets the new words.
                words(&format!("systemctl --user restart {UNIT}")),
            ]
        },
        stop: |_| vec![words(&format!("systemctl --user disable --now {UNIT}"))],
        show: |_| words(&format!("systemctl --user --no-pager status {UNIT}")),
    })
}

/// `KillMode=process`: VMs and their host agents outlive the controller.
fn unit(start: &Start) -> String {
    let command: Vec<_> = start.words.iter().map(|word| quoted(word)).collect();
    let home = start
        .lima_home
        .as_ref()
        .map(|home| format!("Environment={}\n", quoted(&format!("LIMA_HOME={home}"))));
    format!(
        "[Unit]\n\
         Description=Limekiln: keeps VMs as their manifests want them\n\
         Documentation=man:limekiln-run(1)\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={}\n\
         ExecReload=/bin/kill -HUP $MAINPID\n\
         WorkingDirectory={}\n\
         {}\
         KillMode=process\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         WatchdogSec={}\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        command.join(" "),
        start.folder.display().to_string().replace('%', "%%"),
        home.unwrap_or_default(),
        WATCHDOG.as_secs(),
    )
}

/// A word as systemd.service(5) reads it: `%` and `$` would be replaced.
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '%' | '$' => text.extend([c, c]),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves() {
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("100%$x\"\\"), "\"100%%$$x\\\"\\\\\"");
    }

    #[test]
    fn the_unit_says_what_it_must() {
        let start = Start {
            words: ["/bin/limekiln", "run", "-f", "/home/a/my vms"].map(str::to_owned).into(),
            folder: "/home/a".into(),
            lima_home: Some("/srv/lima".to_owned()),
            path: None,
        };
        let unit = unit(&start);
        for line in [
            "ExecStart=\"/bin/limekiln\" \"run\" \"-f\" \"/home/a/my vms\"",
            "Environment=\"LIMA_HOME=/srv/lima\"",
            "Type=notify",
            "KillMode=process",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line} in\n{unit}");
        }
    }
}
