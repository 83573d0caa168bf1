//! How long 1,000 templates of 60 lines take: `cargo run --release -p limekiln-api --example speed`.

use std::path::Path;
use std::time::{Duration, Instant};

use limekiln_api::{
    Checks, HostFacts, LimaVersion, Manifest, complete, fill, parse_documents, read_lima, validate,
};

const COUNT: usize = 1000;

/// A template of 60 lines with a bit of everything.
const TEMPLATE: &str = r#"minimumLimaVersion: 2.0.0
cpus: 2
memory: 4GiB
disk: 40GiB
images:
- location: https://example.com/debian-13-amd64.qcow2
  arch: x86_64
  digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
- location: https://example.com/debian-13-arm64.qcow2
  arch: aarch64
mounts:
- location: "~"
- location: "{{.Dir}}/shared"
  mountPoint: "{{.Home}}/shared"
  writable: true
param:
  version: "1.2"
  mirror: ""
provision:
- mode: system
  script: |
    #!/bin/bash
    set -eux -o pipefail
    command -v tool && exit 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    apt-get install -y curl
    curl -fsSL https://example.com/{{.Param.version}}/tool -o /usr/local/bin/tool
    {{if .Param.mirror}}
    echo "mirror={{.Param.mirror}}" > /etc/tool.conf
    {{end}}
    chown {{.User}} /usr/local/bin/tool
- mode: data
  path: /etc/tool/{{.Name}}.conf
  owner: "{{.UID}}"
  permissions: 644
  content: |
    [tool]
    home = {{.Home}}
    host = {{.Hostname}}
probes:
- description: the tool is installed
  script: |
    #!/bin/bash
    timeout 30 bash -c 'until command -v tool; do sleep 1; done'
  hint: see /var/log/cloud-init-output.log
portForwards:
- guestPort: 80
  hostPort: 8080
- guestPortRange: [4000, 4099]
- guestSocket: /run/user/{{.UID}}/tool.sock
  hostSocket: tool.sock
networks:
- lima: user-v2
env:
  EDITOR: vi
additionalDisks:
- data
containerd: {system: false, user: false}
message: |
  {{.Name}} is ready: ssh -F {{.Dir}}/ssh.config lima-{{.Name}}
"#;

fn timed(what: &str, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..COUNT).for_each(|_| work());
    let took = start.elapsed();
    println!("{what:24} {:8.1} ms", took.as_secs_f64() * 1e3);
    took
}

fn main() {
    println!("{COUNT} templates of {} lines", TEMPLATE.lines().count());
    let file = Path::new("web.yaml");
    let parsed = parse_documents(TEMPLATE.as_bytes(), file);
    assert_eq!(parsed.diagnostics, []);
    let Manifest::Instance(instance) = &parsed.objects[0].manifest else { return };
    let (template, name) = (&instance.spec.template, &instance.metadata.name);
    let host = HostFacts::example();
    let layered = HostFacts {
        defaults: read_lima("cpus: 3\nmounts: [{location: /srv}]\nenv: {A: b}").expect("yaml"),
        ..HostFacts::example()
    };
    let version = LimaVersion::current();
    let filled = complete(template, name, &host, &version);
    assert_eq!(validate(instance, &filled, &Checks::unseen(&host)), []);
    let mut whole = timed("parse", || drop(parse_documents(TEMPLATE.as_bytes(), file)));
    whole += timed("fill", || drop(fill(template, name, &host)));
    timed("fill with default.yaml", || drop(fill(template, name, &layered)));
    whole += timed("validate", || drop(validate(instance, &filled, &Checks::unseen(&host))));
    println!("{:24} {:8.1} ms", "parse, fill, validate", whole.as_secs_f64() * 1e3);
}
