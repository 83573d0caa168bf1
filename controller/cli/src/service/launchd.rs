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
        log: Some(home.join("Library/Logs/limekiln.log")),
        // A `load` of what is loaded changes nothing.
        unload: |file| vec![launchctl("unload", &[], file)],
        start: |file| vec![launchctl("load", &["-w"], file)],
        stop: |file| vec![launchctl("unload", &["-w"], file)],
        show: |_| ["launchctl", "list", LABEL].map(str::to_owned).into(),
    })
}

fn launchctl(verb: &str, flags: &[&str], file: &Path) -> Vec<String> {
    let file = file.display().to_string();
    let words = ["launchctl", verb].into_iter().chain(flags.iter().copied()).chain([&*file]);
    words.map(str::to_owned).collect()
}

/// `AbandonProcessGroup`: VMs and their host agents outlive the controller. `PATH`: launchd's own
/// one leads neither to Homebrew's programs nor to MacPorts'.
fn plist(start: &Start, log: Option<&Path>) -> String {
    let words: String = start
        .words
        .iter()
        .map(|word| format!("    <string>{}</string>\n", escaped(word)))
        .collect();
    let variables: String = [("PATH", &start.path), ("LIMA_HOME", &start.lima_home)]
        .into_iter()
        .filter_map(|(name, value)| Some(text("    ", name, value.as_ref()?)))
        .collect();
    let environment = match &*variables {
        "" => String::new(),
        all => format!("  <key>EnvironmentVariables</key>\n  <dict>\n{all}  </dict>\n"),
    };
    let logs: String = ["StandardOutPath", "StandardErrorPath"]
        .into_iter()
        .filter_map(|key| Some(text("  ", key, &log?.display().to_string())))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n  <key>Label</key>\n  <string>{LABEL}</string>\n  \
         <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n  \
         <key>WorkingDirectory</key>\n  <string>{}</string>\n{environment}{logs}  \
         <key>RunAtLoad</key>\n  <true/>\n  <key>KeepAlive</key>\n  <dict>\n    \
         <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n  \
         <key>AbandonProcessGroup</key>\n  <true/>\n</dict>\n</plist>\n",
        escaped(&start.folder.display().to_string()),
    )
}

/// A key with a text, both so far from the margin.
fn text(margin: &str, key: &str, value: &str) -> String {
    format!("{margin}<key>{key}</key>\n{margin}<string>{}</string>\n", escaped(value))
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
        let folder = "/Users/a".into();
        let start = Start { words, folder, lima_home: None, path: None };
        let text = plist(&start, None);
        assert!(text.contains("<string>/a &amp; b</string>"), "{text}");
        assert!(text.contains("AbandonProcessGroup") && !text.contains("LIMA_HOME"), "{text}");
        assert!(!text.contains("EnvironmentVariables") && !text.contains("Standard"), "{text}");
    }

    #[test]
    fn it_finds_what_its_user_finds_and_leaves_a_log() {
        let start = Start {
            words: vec!["/opt/homebrew/bin/limekiln".to_owned()],
            folder: "/Users/a".into(),
            lima_home: Some("/srv/lima".to_owned()),
            path: Some("/opt/homebrew/bin:/usr/bin:/a & b".to_owned()),
        };
        let text = plist(&start, Some(Path::new("/Users/a/Library/Logs/limekiln.log")));
        let environment = "  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>/opt/homebrew/bin:/usr/bin:/a &amp; b</string>
    <key>LIMA_HOME</key>
    <string>/srv/lima</string>
  </dict>
  <key>StandardOutPath</key>
  <string>/Users/a/Library/Logs/limekiln.log</string>
  <key>StandardErrorPath</key>
  <string>/Users/a/Library/Logs/limekiln.log</string>
";
        assert!(text.contains(environment), "{text}");
    }

    #[test]
    fn one_that_is_loaded_is_loaded_anew() {
        let manager = manager().expect("a home");
        let file = Path::new("/a/b.plist");
        let words = |verbs: Vec<Vec<String>>| verbs.concat().join(" ");
        assert_eq!(words((manager.unload)(file)), "launchctl unload /a/b.plist");
        assert_eq!(words((manager.start)(file)), "launchctl load -w /a/b.plist");
        assert_eq!(words((manager.stop)(file)), "launchctl unload -w /a/b.plist");
        let log = manager.log.expect("launchd keeps none");
        assert!(log.ends_with("Library/Logs/limekiln.log"));
    }
}
