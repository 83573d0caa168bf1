//! The log `ha.stderr.log`: JSON lines in the shape that `limactl` shows to its users.

use std::fmt;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Sends this process's log to standard error. Does nothing if a log was set up before.
pub(crate) fn init() {
    let _ = tracing_subscriber::fmt()
        .event_format(LimaLines)
        .with_writer(std::io::stderr)
        .with_max_level(Level::INFO)
        .try_init();
}

/// `{"level":…,"msg":…,"time":…}`, as logrus writes.
struct LimaLines;

impl<S, N> FormatEvent<S, N> for LimaLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            _ => "debug",
        };
        // Seconds, as logrus has them; `limactl` parses nothing finer.
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        writeln!(writer, "{}", serde_json::json!({"level": level, "msg": message.0, "time": time}))
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        // Writing to a string can't fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
