//! Changes of the file's text.

use crate::{Name, NetworkSpec, to_yaml};

use super::NetworksConfig;

/// What a new file begins with.
const HEAD: &str = "\
# The networks of this home, for limekiln and for Lima. See docs/networks.md.
# `paths` and `group` are for socket_vmnet, on macOS.
";

/// The text with this network, or without it for `None`. An empty text becomes a whole file, with
/// the networks that Lima has.
///
/// The lines of other networks and all comments outside the network's own entry stay as they are.
/// `None` if the text is so unusual that only a person can change it.
pub fn with_network(text: &str, name: &Name, spec: Option<&NetworkSpec>) -> Option<String> {
    let text = if text.trim().is_empty() { whole(&NetworksConfig::default()) } else { text.into() };
    let before = NetworksConfig::read(&text).ok()?;
    let fits = |edited: &String| matches(edited, &before, name, spec);
    let edited = Layout::of(&text).map(|layout| layout.edited(&text, name, spec));
    edited.filter(fits).or_else(|| rewritten(&text, &before, name, spec).filter(fits))
}

/// Whether the text says what it shall: this network so, and all others as before.
fn matches(text: &str, before: &NetworksConfig, name: &Name, spec: Option<&NetworkSpec>) -> bool {
    let Ok(after) = NetworksConfig::read(text) else { return false };
    let mut wanted = before.clone();
    match spec {
        Some(spec) => drop(wanted.networks.insert(name.clone(), spec.clone().filled())),
        None => drop(wanted.networks.remove(name)),
    }
    // Lima's own comes and goes by itself.
    let mut after = after;
    for config in [&mut wanted, &mut after] {
        config.networks.retain(|name, spec| !NetworksConfig::is_builtin(name, spec));
    }
    wanted == after
}

fn whole(config: &NetworksConfig) -> String {
    let head = serde_json::json!({"paths": config.paths, "group": config.group});
    let networks = serde_json::json!({"networks": config.networks});
    format!("{HEAD}{}\n{}", to_yaml(&head), to_yaml(&networks))
}

/// `networks` written anew at the end of everything else.
fn rewritten(
    text: &str,
    before: &NetworksConfig,
    name: &Name,
    spec: Option<&NetworkSpec>,
) -> Option<String> {
    let mut networks = before.networks.clone();
    match spec {
        Some(spec) => drop(networks.insert(name.clone(), spec.clone())),
        None => drop(networks.remove(name)),
    }
    let mut document: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let networks = serde_yaml::to_value(networks).ok()?;
    let top = document.as_mapping_mut()?;
    top.insert("networks".into(), networks);
    Some(to_yaml(&document))
}

/// Where the entries of a file in block style are, by lines.
struct Layout {
    /// The line after `networks:`.
    begin: usize,
    /// The line after the last entry.
    end: usize,
    /// How far entries are indented.
    indent: usize,
}

impl Layout {
    fn of(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let is_top = |line: &&str| line.trim_end() == "networks:";
        let begin = lines.iter().position(is_top)? + 1;
        let content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let first = lines[begin..].iter().find(|line| content(line));
        let indent = first.map_or(0, |line| depth(line));
        if indent == 0 {
            return Some(Self { begin, end: begin, indent: 2 });
        }
        let after = lines[begin..].iter().position(|line| content(line) && depth(line) == 0);
        let limit = after.map_or(lines.len(), |after| begin + after);
        // Comments and blank lines before the next key belong to that.
        let last = (begin..limit).rev().find(|index| content(lines[*index]));
        Some(Self { begin, end: last.map_or(begin, |last| last + 1), indent })
    }

    fn edited(&self, text: &str, name: &Name, spec: Option<&NetworkSpec>) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let entry = spec.map(|spec| self.entry(name, spec)).unwrap_or_default();
        let place = self.find(&lines, name).unwrap_or(self.end..self.end);
        lines.splice(place, entry);
        lines.join("\n") + "\n"
    }

    fn entry(&self, name: &Name, spec: &NetworkSpec) -> Vec<String> {
        let text = to_yaml(&serde_json::json!({ name.as_str(): spec }));
        // What is one step there is one step here.
        let line = |line: &str| {
            let steps = depth(line) / 2 + 1;
            format!("{}{}", " ".repeat(steps * self.indent), line.trim_start())
        };
        text.lines().map(line).collect()
    }

    /// The lines of an entry, without comments that stand before the next.
    fn find(&self, lines: &[String], name: &Name) -> Option<std::ops::Range<usize>> {
        let is_key = |line: &str| {
            let key = line.trim_start().split(':').next().unwrap_or_default();
            depth(line) == self.indent && key.trim().trim_matches(['"', '\'']) == name.as_str()
        };
        let begin = (self.begin..self.end).find(|index| is_key(&lines[*index]))?;
        let deeper = |line: &str| depth(line) > self.indent;
        let blank = |line: &str| line.trim().is_empty();
        let rest = (begin + 1..self.end)
            .find(|index| !deeper(&lines[*index]) && !blank(&lines[*index]))
            .unwrap_or(self.end);
        let end =
            (begin..rest).rev().find(|index| !blank(&lines[*index])).map_or(rest, |it| it + 1);
        Some(begin..end)
    }
}

/// How many spaces a line begins with.
fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# mine
paths:
  socketVMNet: /opt/x # there
group: admin

networks:
  # for the team
  team:
    mode: user-v2
    gateway: 10.7.0.1
    netmask: 255.255.255.0

  # the office
  \"office\":
    mode: bridged
    interface: en1 # by cable
# the end
more: {a: 1}
";

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    fn spec(yaml: &str) -> NetworkSpec {
        serde_yaml::from_str::<NetworkSpec>(yaml).expect("a network").filled()
    }

    #[test]
    fn only_the_networks_own_lines_change() {
        let changed = spec("gateway: 10.8.0.1");
        let text = with_network(TEXT, &name("team"), Some(&changed)).expect("possible");
        assert_eq!(text, TEXT.replace("10.7.0.1", "10.8.0.1"));
        let text = with_network(TEXT, &name("office"), None).expect("possible");
        assert_eq!(
            text,
            TEXT.replace("  \"office\":\n    mode: bridged\n    interface: en1 # by cable\n", "")
        );
        let added = with_network(TEXT, &name("new"), Some(&changed)).expect("possible");
        let entry =
            "  new:\n    mode: user-v2\n    gateway: 10.8.0.1\n    netmask: 255.255.255.0\n";
        assert_eq!(added, TEXT.replace("# the end", &format!("{entry}# the end")));
        assert_eq!(with_network(&added, &name("new"), None).as_deref(), Some(TEXT));
    }

    #[test]
    fn a_new_file_has_what_lima_has() {
        let text = with_network("", &name("team"), Some(&spec("gateway: 10.7.0.1"))).expect("new");
        let read = NetworksConfig::read(&text).expect("YAML");
        assert_eq!(read.networks.len(), 5, "{text}");
        assert_eq!((read.group.as_str(), &read.paths), ("admin", &NetworksConfig::default().paths));
    }

    #[test]
    fn unusual_files_keep_what_they_say() {
        let team = spec("gateway: 10.7.0.1");
        for text in [
            "networks: {}\ngroup: g\n",
            "networks:\ngroup: g\n",
            "group: g\n",
            "group: g\nnetworks: {other: {mode: host, gateway: 10.9.0.1}}\n",
            "{group: g, networks: {team: {mode: user-v2, gateway: 10.1.0.1}}}",
            "group: g\nnetworks:\n    team: {mode: user-v2, gateway: 10.1.0.1}\n    a:\n        mode: bridged\n        interface: en0\n",
            "\"networks\":\n  team: {mode: bridged, interface: en0}\ngroup: g\n",
        ] {
            let edited = with_network(text, &name("team"), Some(&team)).expect(text);
            let read = NetworksConfig::read(&edited).expect("YAML");
            assert_eq!((read.group.as_str(), &read.networks["team"]), ("g", &team), "{edited}");
            let before = NetworksConfig::read(text).expect("YAML").networks;
            for (other, spec) in before.iter().filter(|(other, _)| other.as_str() != "team") {
                if !NetworksConfig::is_builtin(other, spec) {
                    assert_eq!(read.networks.get(other), Some(spec), "{edited}");
                }
            }
            let without = with_network(&edited, &name("team"), None).expect("possible");
            assert!(!NetworksConfig::read(&without).expect("YAML").networks.contains_key("team"));
        }
        assert_eq!(with_network("[1, 2]", &name("team"), Some(&team)), None);
    }
}
