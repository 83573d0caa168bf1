//! Runs that are ended early: by the time limit, by Ctrl-C, by two of them.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use limekiln_tests::Home;

/// A server that takes connections and never answers, and a manifest whose image is there.
fn slow() -> (Home, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = server.local_addr().expect("bound").port();
    let home = Home::new();
    home.write(
        "vm.yaml",
        &format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: vm}}\nspec:\n  template:\n    images: [{{location: 'http://127.0.0.1:{port}/a.img'}}]\n"
        ),
    );
    (home, server)
}

fn apply(home: &Home) -> Child {
    let manifests = home.manifests().display().to_string();
    let mut command = home.command(&["apply", "-f", &manifests]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn interrupt(child: &Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is everywhere").success());
}

#[test]
fn a_time_limit_ends_with_its_own_code() {
    let (home, _server) = slow();
    let outcome = home.run("apply -f {m} --timeout 1s").expect(5);
    assert!(outcome.err.contains("the time is up"), "{}", outcome.err);
    assert!(outcome.out.contains("run it again"), "{}", outcome.out);
}

#[test]
fn the_first_ctrl_c_stops_at_a_safe_point() {
    let (home, server) = slow();
    let mut child = apply(&home);
    // The download has begun.
    let connection = server.accept().expect("it asks for the image");
    interrupt(&child);
    let mut out = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
    let status = child.wait().expect("ours");
    assert_eq!(status.code(), Some(1), "{out}");
    assert!(out.contains("Stopped."), "{out}");
    drop(connection);
    assert!(!home.instance("vm").exists());
    // Nothing is left locked.
    home.run("apply -f {m} --timeout 1s").expect(5);
}

#[test]
fn the_first_ctrl_c_is_answered_at_once() {
    let (home, server) = slow();
    let mut child = apply(&home);
    let _connection = server.accept().expect("it asks for the image");
    interrupt(&child);
    let err = BufReader::new(child.stderr.take().expect("piped"));
    let said = err.lines().map_while(Result::ok).find(|line| line.contains("Ctrl-C again"));
    assert!(said.is_some());
    interrupt(&child);
    assert!(child.wait().expect("ours").code() == Some(1));
}
