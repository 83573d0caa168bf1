//! What is told, in the text format of Prometheus.
//!
//! All of it is computed when it is asked for, from what the controller knew after its last look:
//! nobody who does not ask costs anything.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use limekiln_api::ConditionStatus;
use limekiln_model::{Kind, ObjectId};
use limekiln_reconciler::{ControllerState, Handle, Looks, Prints, conditions};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::feed::Feed;

/// All metrics of a controller.
pub(super) struct Exposition(Registry);

impl Exposition {
    pub(super) fn new(controller: Handle, feed: Feed) -> Self {
        let mut registry = Registry::with_prefix("limekiln");
        let revision = Mutex::default();
        registry.register_collector(Box::new(Figures { controller, feed, revision }));
        Self(registry)
    }

    /// As of now.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

struct Figures {
    controller: Handle,
    feed: Feed,
    /// The revision in force, and since when it is seen here.
    revision: Mutex<(String, f64)>,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

impl Collector for Figures {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), fmt::Error> {
        let state = self.controller.state().borrow().clone();
        passes(&mut to, &state)?;
        gauges(&mut to, &state)?;
        self.revision(&mut to, &state)?;
        self.outcomes(&mut to)?;
        ready(&mut to, &state)
    }
}

/// A gauge without labels.
fn gauge(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: usize,
) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let encoder = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    gauge.encode(encoder)
}

fn passes(to: &mut DescriptorEncoder<'_>, state: &ControllerState) -> Result<(), fmt::Error> {
    let help = "Looks that the controller took";
    let encoder = to.encode_descriptor("reconciles", help, None, MetricType::Counter)?;
    ConstCounter::new(state.passes).encode(encoder)?;
    let Looks { seconds, counts } = state.looks;
    let bounds = Looks::BOUNDS.into_iter().chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(counts).collect();
    let help = "How long looks took";
    let name = "reconcile_duration_seconds";
    let mut encoder = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
    encoder.encode_histogram::<NoLabelSet>(seconds, counts.iter().sum(), &buckets, None)
}

fn gauges(to: &mut DescriptorEncoder<'_>, state: &ControllerState) -> Result<(), fmt::Error> {
    let waiting = state.attempts.values().filter(|attempt| attempt.retry_ms > 0).count();
    let stalled = state.attempts.values().filter(|attempt| attempt.stalled).count();
    let planned = state.planned.as_ref();
    let steps = planned.map_or(0, |planned| planned.plan.steps.len());
    let held = planned.map_or(0, |planned| planned.report.waiting.len());
    let blind = usize::from(state.observe_error.is_some());
    for (name, help, value) in [
        (
            "queue_depth",
            "Objects that have steps to be done and are not worked on",
            state.queued().len(),
        ),
        ("objects_busy", "Objects that are worked on", state.busy.len()),
        ("objects_retrying", "Objects that wait for their next try", waiting),
        (
            "objects_stalled",
            "Objects of which the same was done in vain, or failed, again and again",
            stalled,
        ),
        ("objects_waiting", "Objects that wait for something the controller cannot do", held),
        ("steps_planned", "Steps of the current plan", steps),
        ("source_errors", "Sources that cannot be read now", state.source_errors.len()),
        ("observe_errors", "Whether it cannot be seen now what exists", blind),
    ] {
        gauge(to, name, help, value)?;
    }
    Ok(())
}

fn ready(to: &mut DescriptorEncoder<'_>, state: &ControllerState) -> Result<(), fmt::Error> {
    let Some(planned) = &state.planned else { return Ok(()) };
    let (desired, observed) = (&planned.desired, &planned.observed);
    let instances = desired.instances.keys().map(ObjectId::instance);
    let disks = desired.disks.keys().map(ObjectId::disk);
    let networks = desired.networks.keys().map(ObjectId::network);
    let wanted = instances.chain(disks).chain(networks).chain(desired.frozen.keys().cloned());
    let all: BTreeSet<_> = wanted.collect();
    let help = "Whether an object that is wanted is ready";
    let mut encoder = to.encode_descriptor("object_ready", help, None, MetricType::Gauge)?;
    for id in all {
        let is_ready = conditions(&id, observed, None, None, &Prints::default())
            .first()
            .is_some_and(|ready| ready.status == ConditionStatus::True);
        let labels = [("kind", kind(id.kind)), ("name", id.name.as_str())];
        let encoder = encoder.encode_family(&labels)?;
        ConstGauge::new(i64::from(is_ready)).encode(encoder)?;
    }
    Ok(())
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "instance",
        Kind::Disk => "disk",
        Kind::Network => "network",
    }
}

impl Figures {
    fn outcomes(&self, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "How steps of plans ended";
        let mut encoder = to.encode_descriptor("actions", help, None, MetricType::Counter)?;
        for ((verb, outcome), count) in self.feed.outcomes() {
            let labels = [("verb", verb), ("outcome", outcome)];
            let encoder = encoder.encode_family(&labels)?;
            ConstCounter::new(count).encode(encoder)?;
        }
        Ok(())
    }

    /// The time, not the age: whoever asks knows what time it is.
    fn revision(
        &self,
        to: &mut DescriptorEncoder<'_>,
        state: &ControllerState,
    ) -> Result<(), fmt::Error> {
        let Some(planned) = &state.planned else { return Ok(()) };
        let mut known = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != planned.desired.revision {
            *known =
                (planned.desired.revision.clone(), Timestamp::now().as_millisecond() as f64 / 1e3);
        }
        let help = "When the manifests last changed";
        let name = "last_revision_timestamp_seconds";
        let encoder = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(known.1).encode(encoder)
    }
}
