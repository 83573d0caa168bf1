//! What a test that fails leaves behind, for whoever reads only its output.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Files of the instance's directory, and how many of their last lines are shown.
const FILES: [(&str, usize); 4] =
    [("ha.stdout.log", 4), ("ha.stderr.log", 25), ("qemu.log", 5), ("serial.log", 12)];

/// Prints the ends of the logs, and what the hypervisor says of its guest and of its network. Its
/// host agent must have ended: the hypervisor speaks to one at a time.
pub fn print(dir: &Path) {
    for (name, count) in FILES {
        let Ok(text) = fs::read(dir.join(name)) else { continue };
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        show(name, &lines[lines.len().saturating_sub(count)..]);
    }
    // Not over a control master, which may be what is at fault.
    let words = "sudo tail -n 12 /var/log/dropbear.log; dmesg | tail -n 4; ps | tail -n 20";
    let mut ssh = Command::new("timeout");
    ssh.args(["20", "ssh", "-F"]).arg(dir.join("ssh.config"));
    let inside = ssh.args(["-o", "ControlPath=none", "lima-it", words]).output();
    let inside = inside.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    show("the guest", &String::from_utf8_lossy(&inside).lines().collect::<Vec<_>>());
    for command in ["info status", "info usernet"] {
        let said = ask(&dir.join("qmp.sock"), command).unwrap_or_else(|error| error.to_string());
        show(command, &said.lines().filter(|line| is_news(line)).collect::<Vec<_>>());
    }
}

/// Each early attempt of whoever waits for the boot leaves a connection that never was one.
fn is_news(line: &str) -> bool {
    !line.contains("TCP[SYN_SENT]") && !line.contains("TCP[TIME_WAIT]")
}

fn show(title: &str, lines: &[&str]) {
    println!("--- {title}");
    for line in lines {
        println!("{}", line.chars().filter(|c| !c.is_control()).take(300).collect::<String>());
    }
}

/// A command of QEMU's monitor for people.
fn ask(socket: &Path, command: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let line = serde_json::json!({
        "execute": "human-monitor-command", "arguments": {"command-line": command}, "id": 1
    });
    writeln!(stream, "{{\"execute\": \"qmp_capabilities\"}}\n{line}")?;
    let answer = lines.find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
        (line["id"] == 1).then(|| line["return"].as_str().unwrap_or_default().to_owned())
    });
    answer.ok_or_else(|| std::io::Error::other("no answer"))
}
