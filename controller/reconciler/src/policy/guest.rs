//! What runs in guests, and what of the host's reaches them beside files.

use limekiln_api::Lima;
use limekiln_api::lima::ProvisionMode;

use super::judge::{Judge, denied, written};
use super::judged::of_template;

pub(super) fn judge(judge: &mut Judge<'_>, lima: &Lima) {
    ssh(judge, lima);
    scripts(judge, lima);
    let proxies = lima.propagate_proxy_env == Some(true);
    let allowed = judge.rules().proxy_env;
    let denial = (proxies && !allowed).then(|| {
        denied("the host's proxy settings may hold passwords", written("proxyEnv", "true"))
            .or("write `propagateProxyEnv: false`")
    });
    judge.note("proxyEnv", of_template("propagateProxyEnv"), proxies, denial);
}

fn ssh(judge: &mut Judge<'_>, lima: &Lima) {
    let Some(ssh) = &lima.ssh else { return };
    let rules = &judge.rules().ssh;
    let flags = [
        ("forwardAgent", rules.forward_agent, ssh.forward_agent, "the guest would use its keys"),
        ("forwardX11", rules.forward_x11, ssh.forward_x11, "the guest would use the display"),
        (
            "forwardX11Trusted",
            rules.forward_x11,
            ssh.forward_x11_trusted,
            "the guest would see and press every key",
        ),
        (
            "loadDotSSHPubKeys",
            rules.load_dot_ssh_pub_keys,
            ssh.load_dot_ssh_pub_keys,
            "the guest would get to know the user's keys",
        ),
    ];
    for (field, allowed, set, why) in flags {
        let rule = if field == "forwardX11Trusted" { "forwardX11" } else { field };
        let path = of_template(format!("ssh.{field}"));
        judge.flag(allowed, &format!("ssh.{rule}"), &path, set == Some(true), why);
    }
}

fn scripts(judge: &mut Judge<'_>, lima: &Lima) {
    let rules = &judge.rules().scripts;
    for (index, step) in lima.provision.iter().flatten().enumerate() {
        let mode = step.mode.unwrap_or(ProvisionMode::System);
        let on_host = mode == ProvisionMode::Ansible || step.playbook.is_some();
        let (rule, allowed) = match on_host {
            true => ("scripts.onHost", rules.on_host),
            false => ("scripts.provision", rules.provision),
        };
        let why = if on_host { "it runs on the host" } else { "no script is to run" };
        let denial = (!allowed).then(|| denied(why, written(rule, "true")));
        judge.note(rule, of_template(format!("provision[{index}].mode")), mode.word(), denial);
    }
    for index in 0..lima.probes.as_ref().map_or(0, Vec::len) {
        let denial = (!rules.probes)
            .then(|| denied("no probe is to run", written("scripts.probes", "true")));
        let path = of_template(format!("probes[{index}].script"));
        judge.note("scripts.probes", path, format!("probe {}", index + 1), denial);
    }
}
