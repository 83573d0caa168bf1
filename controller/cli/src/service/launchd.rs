//! launchd's agents of a user.

use std::path::Path;

use anyhow::Context;

use super::{Manager, Start};

const LABEL: &str = "io.lima-vm.limekiln";

pub(super) fn manager() -> anyhow::Result<Manager> {
    let home = std::env::home_dir().context("there is no home directory")?;
    Ok(Manager {
        name: "launchd",
        file: home.join("Library/LaunchAgents").join(format!("{LABEL}.plist")),
        text: plist,
        start: |file| vec![launchctl("load", file)],
        stop: |file| vec![launchctl("unload", file)],
        show: |_| ["launchctl", "list", LABEL].map(str::to_owned).into(),
    })
}

fn launchctl(verb: &str, file: &Path) -> Vec<String> {
    ["launchctl", verb, "-w", &file.display().to_string()].map(str::to_owned).into()
}

/// `AbandonProcessGroup`: VMs and their host agents outlive the controller.
fn plist(start: &Start) -> String {
    let words: String = start
        .words
        .iter()
        .map(|word| format!("    <string>{}</string>\n", escaped(word)))
        .collect();
    let home = start.lima_home.as_ref().map(|home| {
        format!(
            "  <key>EnvironmentVariables</key>\n  <dict>\n    <key>LIMA_HOME</key>\n    <string>{}</string>\n  </dict>\n",
            escaped(home)
        )
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n  <key>Label</key>\n  <string>{LABEL}</string>\n  \
         <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n  \
         <key>WorkingDirectory</key>\n  <string>{}</string>\n{}  \
         <key>RunAtLoad</key>\n  <true/>\n  <key>KeepAlive</key>\n  <dict>\n    \
         <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n  \
         <key>AbandonProcessGroup</key>\n  <true/>\n</dict>\n</plist>\n",
        escaped(&start.folder.display().to_string()),
        home.unwrap_or_default(),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves() {
        let words = ["/bin/limekiln", "run", "-f", "/a & b"].map(str::to_owned).into();
        let start = Start { words, folder: "/Users/a".into(), lima_home: None };
        let text = plist(&start);
        assert!(text.contains("<string>/a &amp; b</string>"), "{text}");
        assert!(text.contains("AbandonProcessGroup") && !text.contains("LIMA_HOME"), "{text}");
    }
}
