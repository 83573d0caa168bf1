//! What a change of each field costs a running VM: the one table.
//!
//! `docs/costs.md` and `limekiln explain` are made from it. An engine that can do more lists the
//! field among its `live_fields`.

use limekiln_model::{Capabilities, Cost};

/// The cost of the fields at and below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The path below the object, without list positions.
    pub path: &'static str,
    /// What a change costs.
    pub cost: Cost,
    /// Why, where that is not plain.
    pub note: Option<&'static str>,
}

const fn rule(path: &'static str, cost: Cost) -> Rule {
    Rule { path, cost, note: None }
}

const fn noted(path: &'static str, cost: Cost, note: &'static str) -> Rule {
    Rule { path, cost, note: Some(note) }
}

/// The longest path that matches decides.
const TABLE: &[Rule] = &[
    noted("template", Cost::Restart, "a field without a rule of its own"),
    rule("template.minimumLimaVersion", Cost::Live),
    rule("template.base", Cost::Live),
    rule("template.message", Cost::Live),
    noted("template.param", Cost::Restart, "scripts read it at boot"),
    noted("template.vmType", Cost::Recreate, "drivers store disks differently"),
    rule("template.os", Cost::Recreate),
    rule("template.arch", Cost::Recreate),
    noted("template.images", Cost::Recreate, "an image is used only to make the disk"),
    noted(
        "template.disk",
        Cost::Restart,
        "grown while stopped; the guest's file system follows at boot. Live where the engine grows disks of a running VM, and what is on them",
    ),
    rule("template.cpus", Cost::Restart),
    rule("template.memory", Cost::Restart),
    noted("template.user", Cost::Recreate, "the guest's user is made at the first boot"),
    noted("template.user.shell", Cost::Restart, "set at every boot"),
    noted("template.user.comment", Cost::Restart, "set at every boot"),
    rule("template.portForwards", Cost::Live),
    rule("template.hostResolver", Cost::Live),
    noted("template.probes", Cost::Live, "used at the next start"),
    rule("template.copyToHost", Cost::Live),
    rule("template.ssh", Cost::Restart),
    rule("template.networks", Cost::Restart),
    noted("template.mounts", Cost::Restart, "live only with `mountType: reverse-sshfs`"),
    noted(
        "template.additionalDisks",
        Cost::Restart,
        "live where the engine plugs disks in and out, and the VM has room for them",
    ),
    noted(
        "template.provision",
        Cost::Restart,
        "scripts run at boot. Live where the engine runs steps in a running VM, and those that changed are `system`, `user`, `data` or `yq`",
    ),
    noted("disk.size", Cost::Restart, "live where the engine grows disks of a running VM"),
    noted("disk.format", Cost::Refused, "a disk keeps its format; make another one and copy"),
    noted("network", Cost::Restart, "every instance on it is restarted"),
    noted("network.hosts", Cost::Live, "the network's daemon looks for them before each answer"),
];

/// All rules, for documentation.
pub fn table() -> &'static [Rule] {
    TABLE
}

/// The rule for a path, with or without list positions.
pub fn rule_for(path: &str) -> Option<&'static Rule> {
    let plain = without_positions(path);
    let matching = TABLE.iter().filter(|rule| covers(rule.path, &plain));
    matching.max_by_key(|rule| rule.path.len())
}

/// What a change costs on an engine.
pub(crate) fn cost_on(path: &str, capabilities: &Capabilities) -> (Cost, Option<&'static str>) {
    let plain = without_positions(path);
    if capabilities.live_fields.iter().any(|field| covers(field, &plain)) {
        return (Cost::Live, None);
    }
    rule_for(&plain).map_or((Cost::Restart, None), |rule| (rule.cost, rule.note))
}

fn covers(rule: &str, path: &str) -> bool {
    path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn without_positions(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            match c {
                '[' => inside = true,
                ']' => {
                    inside = false;
                    return false;
                }
                _ => {}
            }
            !inside
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_decides() {
        let cost = |path: &str| rule_for(path).map(|rule| rule.cost);
        assert_eq!(cost("template.cpus"), Some(Cost::Restart));
        assert_eq!(cost("template.images[0].location"), Some(Cost::Recreate));
        assert_eq!(cost("template.user.shell"), Some(Cost::Restart));
        assert_eq!(cost("template.user.name"), Some(Cost::Recreate));
        assert_eq!(cost("template.somethingNew.deep"), Some(Cost::Restart));
        assert_eq!(cost("templates"), None);
    }

    #[test]
    fn an_engine_can_do_better() {
        let mut capabilities = Capabilities::default();
        capabilities.live_fields.insert("template.cpus".into());
        assert_eq!(cost_on("template.cpus", &capabilities).0, Cost::Live);
        assert_eq!(cost_on("template.memory", &capabilities).0, Cost::Restart);
    }
}
