//! What a controller costs while nothing changes.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::agent::private_kib;
use super::home::{Home, instance};
use super::row::Row;

const INSTANCES: usize = 100;
/// Settled after the first look, then observed for so long: three periodic looks.
const SETTLE: Duration = Duration::from_secs(5);
const WATCH: Duration = Duration::from_secs(30);

/// A controller over a hundred instances that nobody touches.
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
    for number in 0..INSTANCES {
        let name = format!("vm{number}");
        home.write(&format!("{name}.yaml"), &instance(&name, "Halted", &template))?;
    }
    let manifests = home.manifests().display().to_string();
    home.run(&["apply", "-f", &manifests, "--yes"])?;
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
        Row { name: "controller: idle, share of a core", value: share, unit: "%", bound: 1.0 },
        Row {
            name: "controller: idle, private memory",
            value: private_kib(&process)? / 1024.0,
            unit: "MiB",
            bound: 30.0,
        },
    ])
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
