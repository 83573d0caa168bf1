//! Templates over real sockets, files and processes.

mod server;

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use limekiln_api::HostFacts;
use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use server::{Answer, Server};

/// A folder that is home, `LIMA_HOME` and PATH of a store.
struct World {
    dir: tempfile::TempDir,
    settings: TemplateSettings,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let facts = HostFacts {
            home: dir.path().join("home"),
            lima_home: dir.path().join("lima"),
            ..HostFacts::example()
        };
        let settings = TemplateSettings {
            path: dir.path().join("bin").into(),
            plugin_timeout: Duration::from_secs(20),
            http_timeout: Duration::from_secs(20),
            ..TemplateSettings::new(&facts)
        };
        Self { dir, settings }
    }

    /// GitHub's two services.
    fn on(mut self, server: &Server) -> Self {
        self.settings.github_api = server.url("/api");
        self.settings.github_raw = server.url("/raw");
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("dir");
        fs::write(&path, text).expect("write");
        path
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.put(name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        path
    }

    fn store(&self) -> TemplateStore {
        TemplateStore::new(self.settings.clone())
    }

    fn fetch(&self, locator: &str) -> Result<Fetched, FetchError> {
        self.store().fetch(&self.locator(locator))
    }

    fn locator(&self, locator: &str) -> Locator {
        Locator::parse(locator, &self.settings.home).expect(locator)
    }

    fn text(&self, locator: &str) -> String {
        let fetched = self.fetch(locator).unwrap_or_else(|error| panic!("{}", error.chain()));
        String::from_utf8(fetched.bytes).expect("text")
    }

    /// Message, causes and hint.
    fn refused(&self, locator: &str) -> String {
        let error = self.fetch(locator).expect_err(locator);
        format!("{} ({})", error.chain(), error.hint.unwrap_or_default())
    }
}

#[test]
fn files_are_read_within_bounds() {
    let world = World::new();
    let path = world.put("t/a.yaml", "cpus: 1");
    assert_eq!(world.text(path.to_str().expect("utf-8")), "cpus: 1");
    assert_eq!(world.text(&format!("file://{}", path.display())), "cpus: 1");
    world.put("home/b.yaml", "cpus: 2");
    assert_eq!(world.text("~/b.yaml"), "cpus: 2");
    let large = world.put("large.yaml", &"#".repeat((4 << 20) + 1));
    let text = world.refused(large.to_str().expect("utf-8"));
    assert!(text.contains("more than 4 MiB"), "{text}");
    let text = world.refused(world.path("none.yaml").to_str().expect("utf-8"));
    assert!(text.contains("cannot read") && text.contains("check the path"), "{text}");
    // A pipe would be waited for.
    let text = world.refused("/dev/null");
    assert!(text.contains("not a regular file"), "{text}");
}

#[test]
fn names_are_looked_for_in_limas_order() {
    let mut world = World::new();
    assert!(world.text("template:debian-12").contains("_images/debian-12"), "built in");
    world.put("lima-inst/share/lima/templates/debian-12.yaml", "from: installed");
    world.put("lima-inst/share/lima/templates/experimental/x.yaml", "from: folder");
    world.program("lima-inst/bin/limactl", "");
    fs::create_dir(world.path("bin")).expect("dir");
    symlink(world.path("lima-inst/bin/limactl"), world.path("bin/limactl")).expect("link");
    assert_eq!(world.text("template:debian-12"), "from: installed", "beside the real limactl");
    assert_eq!(world.text("template:experimental/x"), "from: folder");
    assert_eq!(world.text("template://experimental/x"), "from: folder", "the older form");
    world.put("lima/_templates/debian-12.yaml", "from: own");
    world.put("lima/_templates/setup.sh", "echo");
    assert_eq!(world.text("template:debian-12"), "from: own");
    assert_eq!(world.text("template:setup.sh"), "echo", "an ending is kept");
    world.put("first/other.yaml", "from: first");
    world.put("second/debian-12.yaml", "from: second");
    let path = env::join_paths([world.path("first"), world.path("second")]).expect("joined");
    world.settings.templates_path = Some(path);
    assert_eq!(world.text("template:debian-12"), "from: second");
    let text = world.refused("template:debian");
    assert!(text.contains("no template \"debian\"") && text.contains("did you mean"), "{text}");
}

#[test]
fn lists_name_each_template_once() {
    let world = World::new();
    for file in ["debian.yaml", ".hidden.yaml", "a/b.yaml", "_part.yaml", "x.yml", "x.sh"] {
        world.put(&format!("lima/_templates/{file}"), "");
    }
    fs::create_dir(world.path("lima/_templates/folder.yaml")).expect("dir");
    let list = world.store().list();
    let own: Vec<_> = list
        .iter()
        .filter(|listed| listed.location != "built-in")
        .map(|listed| listed.name.as_str())
        .collect();
    assert_eq!(own, ["_part", "a/b", "debian"]);
    assert_eq!(list.iter().filter(|listed| listed.name == "debian").count(), 1);
    assert!(list.is_sorted_by(|a, b| a.name < b.name) && list.len() > 40);
}

#[test]
fn servers_are_asked_once_and_their_status_is_minded() {
    let server = Server::start(|request| match request.path.as_str() {
        "/a.yaml" => Answer::ok("cpus: 1"),
        "/moved" => Answer::redirect("/a.yaml"),
        "/round" => Answer::redirect("/round"),
        "/large" => Answer::ok(&"#".repeat((4 << 20) + 1)),
        "/login" => Answer::status(403),
        "/broken" => Answer::status(500),
        _ => Answer::status(404),
    });
    let world = World::new();
    let store = world.store();
    let locator = world.locator(&server.url("/a.yaml"));
    for _ in 0..3 {
        assert_eq!(store.fetch(&locator).expect("there").bytes, b"cpus: 1");
    }
    let none = world.locator(&server.url("/none"));
    for _ in 0..3 {
        let error = store.fetch(&none).expect_err("not there");
        assert!(error.message.starts_with("there is no http://"), "{error}");
    }
    assert_eq!(server.paths(), ["/a.yaml", "/none"]);
    assert_eq!(world.text(&server.url("/moved")), "cpus: 1");
    for (path, part) in [
        ("/round", "redirect"),
        ("/large", "more than 4 MiB"),
        ("/login", "answered 403"),
        ("/broken", "answered 500"),
    ] {
        let text = world.refused(&server.url(path));
        assert!(text.contains(part), "{path}: {text}");
    }
}

#[test]
fn silence_ends() {
    let server = Server::start(|_| Answer::Silence);
    let mut world = World::new();
    world.settings.http_timeout = Duration::from_millis(300);
    let start = Instant::now();
    let text = world.refused(&server.url("/x"));
    assert!(text.contains("cannot get") && text.contains("timed out"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn images_stand_for_templates() {
    let world = World::new();
    let text = world.text("https://example.com/debian-12-arm64.qcow2");
    assert!(text.contains("arch: aarch64") && text.contains("example.com"), "{text}");
}

/// GitHub, as far as locators need it.
fn github() -> Server {
    Server::start(|request| {
        if request.path.starts_with("/api") && request.header("authorization").is_none() {
            return Answer::status(403);
        }
        match request.path.as_str() {
            "/api/repos/o/r" => Answer::ok(r#"{"default_branch": "trunk"}"#),
            "/api/repos/o/o" => Answer::ok(r#"{"default_branch": "main"}"#),
            "/raw/o/r/trunk/.lima.yaml" => Answer::ok("cpus: 1"),
            "/raw/o/r/trunk/t/x.yaml" => Answer::ok("y.yaml"),
            "/raw/o/r/trunk/t/y.yaml" => Answer::ok("cpus: 2"),
            "/raw/o/r/trunk/out.yaml" => Answer::ok("../../secret.yaml"),
            "/raw/o/r/v1/s.sh" => Answer::ok("echo"),
            "/raw/o/r/v1/t/y.yaml" => Answer::ok("cpus: 3"),
            "/raw/o/o/main/short.yaml" => Answer::ok("github:o/r/t/y\n"),
            "/raw/o/o/main/evil.yaml" => Answer::ok("github:other/r/x\n"),
            _ => Answer::status(404),
        }
    })
}

#[test]
fn github_is_asked_as_lima_asks() {
    let server = github();
    let mut world = World::new().on(&server);
    world.settings.github_token = Some("secret".to_owned());
    assert_eq!(world.text("github:o/r"), "cpus: 1");
    assert_eq!(world.text("github:o/r/t/x"), "cpus: 2", "a link is followed");
    assert_eq!(world.text("github:o/r/s.sh@v1"), "echo");
    assert_eq!(world.text("github:o//short"), "cpus: 2", "an organisation sends on");
    assert_eq!(world.text("github:o//short@v1"), "cpus: 3", "at the same reference");
    for (locator, part) in [
        ("github:o/r/out", "leaves the repository"),
        ("github:o//evil", "not below github:o/"),
        ("github:o/r/none", "there is no github:o/r/none.yaml"),
        ("github:o/none", "no such repository"),
    ] {
        let text = world.refused(locator);
        assert!(text.contains(part), "{locator}: {text}");
    }
    assert!(server.requests().iter().all(|request| {
        request.path.starts_with("/api") || request.header("authorization").is_none()
    }));
    world.settings.github_token = None;
    let text = world.refused("github:o/r");
    assert!(text.contains("GH_TOKEN"), "{text}");
}

#[test]
fn plugins_know_schemes() {
    let world = World::new();
    world.put("home/x.yaml", "cpus: 1");
    world.program("bin/limactl-url-mine", r#"echo "other:$1""#);
    world.program("bin/limactl-url-other", r#"[ "$1" = "//x?y" ] && echo "~/x.yaml""#);
    assert_eq!(world.text("mine://x?y"), "cpus: 1");
    assert_eq!(world.text("MINE://x?y"), "cpus: 1");
    world.program("bin/limactl-url-https", r#"echo "mine://x?y""#);
    assert_eq!(world.text("https://anything/at/all"), "cpus: 1", "https, too");
    world.program("bin/limactl-url-file", r#"echo "mine://x?y""#);
    assert_eq!(world.text("file:///none"), "cpus: 1");
    world.program("lima-inst/bin/limactl", "");
    symlink(world.path("lima-inst/bin/limactl"), world.path("bin/limactl")).expect("link");
    world.program("lima-inst/libexec/lima/limactl-url-inner", r#"echo "~/x.yaml""#);
    assert_eq!(world.text("inner:x"), "cpus: 1", "as Lima brings them");
}

#[test]
fn plugins_that_fail_are_told_about() {
    let mut world = World::new();
    world.program("bin/limactl-url-aa", "echo bb:x");
    world.program("bin/limactl-url-bb", "echo aa:x");
    let text = world.refused("aa:x");
    assert!(text.contains("leads in a circle (aa:x → bb:x → aa:x)"), "{text}");
    world.program("bin/limactl-url-bad", "echo no such bucket >&2; exit 3");
    assert!(world.refused("bad:x").contains("failed: no such bucket"));
    world.program("bin/limactl-url-mute", "exit 4");
    assert!(world.refused("mute:x").contains("exit status: 4"));
    world.program("bin/limactl-url-empty", "true");
    assert!(world.refused("empty:x").contains("printed no locator"));
    world.program("bin/limactl-url-odd", "echo template:../x");
    assert!(world.refused("odd:x").contains("is not the name of a template"));
    world.put("bin/limactl-url-text", "not a program");
    assert!(world.refused("text:x").contains("limactl-url-text"), "nothing that can be run");
    world.settings.plugin_timeout = Duration::from_millis(300);
    let pid = world.path("pid");
    world.program(
        "bin/limactl-url-slow",
        &format!("/bin/sleep 600 & echo $! > {}; wait", pid.display()),
    );
    let start = Instant::now();
    assert!(world.refused("slow:x").contains("had not ended after 0.3 s"));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(ends(&pid), "what it started was killed with it");
}

/// Whether the process of this id file is gone, or only waits to be reaped, before long.
fn ends(pid: &Path) -> bool {
    let Ok(pid) = fs::read_to_string(pid) else { return true };
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    for _ in 0..100 {
        match fs::read_to_string(&stat) {
            Ok(stat) if !stat.contains(") Z ") => std::thread::sleep(Duration::from_millis(20)),
            _ => return true,
        }
    }
    false
}
