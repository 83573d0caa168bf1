//! What a controller costs while nothing changes.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::agent::private_kib;
use super::home::{Home, instance};
use super::played::Played;
use super::row::Row;

const INSTANCES: usize = 100;
/// Settled after the first look, then observed for so long: three periodic looks.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(30);

/// A controller over a hundred instances that run and that nobody touches.
///
/// # Errors
/// limekiln fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let image = home.manifests().with_file_name("image.raw");
    fs::File::create(&image)?.set_len(1 << 20)?;
    let template = format!(
        "    cpus: 1\n    memory: 256MiB\n    disk: 1MiB\n    images: [{{location: {}}}]\n",
        image.display()
    );
    write(&home, "Halted", &template)?;
    let manifests = home.manifests().display().to_string();
    home.run(&["apply", "-f", &manifests, "--yes"])?;
    let dirs: Vec<_> = (0..INSTANCES).map(|number| home.lima().join(name(number))).collect();
    let _played = Played::run(&dirs)?;
    write(&home, "Always", &template)?;
    all_run(&home)?;
    let mut command = home.limekiln(&["run", "-f", &manifests]);
    let child = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let process = Path::new("/proc").join(child.0.id().to_string());
    until_it_works(&home, &process)?;
    sleep(SETTLE);
    let before = ticks(&process)?;
    sleep(WATCH);
    // 100 ticks are a second.
    let share = (ticks(&process)? - before) / WATCH.as_secs_f64();
    Ok(vec![
        Row {
            name: "controller: idle, 100 running, share of a core",
            value: share,
            unit: "%",
            bound: 1.0,
        },
        Row {
            name: "controller: idle, 100 running, private memory",
            value: private_kib(&process)? / 1024.0,
            unit: "MiB",
            bound: 30.0,
        },
    ])
}

fn name(number: usize) -> String {
    format!("vm{number}")
}

fn write(home: &Home, strategy: &str, template: &str) -> anyhow::Result<()> {
    for name in (0..INSTANCES).map(name) {
        home.write(&format!("{name}.yaml"), &instance(&name, strategy, template))?;
    }
    Ok(())
}

/// Otherwise what is measured is something else.
fn all_run(home: &Home) -> anyhow::Result<()> {
    let manifests = home.manifests().display().to_string();
    let list = String::from_utf8(home.run(&["list", "--format", "{{.Status}}"])?.stdout)?;
    let running = list.lines().filter(|line| *line == "Running").count();
    if running != INSTANCES {
        bail!("{running} of {INSTANCES} instances run:\n{list}");
    }
    // Exits with 2 when there is something to do.
    home.run(&["diff", "-f", &manifests, "--exit-code"])?;
    Ok(())
}

/// Until it holds the home, so that what is measured is not its beginning.
fn until_it_works(home: &Home, process: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    let lock = home.lima().join("_limekiln/lock");
    while !fs::read_to_string(&lock).unwrap_or_default().contains("controller") {
        if !process.exists() || start.elapsed() > Duration::from_secs(20) {
            bail!("the controller did not start");
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Time on processors so far, in the kernel's ticks.
fn ticks(process: &Path) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(process.join("stat"))?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |index: usize| -> anyhow::Result<f64> {
        Ok(fields.get(index).context("a line of stat has more fields")?.parse()?)
    };
    // utime and stime, counted from the state behind the name.
    Ok(field(11)? + field(12)?)
}

/// A process that doesn't outlive the measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is fine, too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
