//! The simulated engine does what every engine does.

use limekiln_api::{ByteSize, HostFacts, Lima, fill, read_lima};
use limekiln_engine::Engine;
use limekiln_engine::conformance::{self, Harness};
use limekiln_engine_sim::SimEngine;
use limekiln_model::Name;

struct Sim(SimEngine);

impl Harness for Sim {
    fn engine(&self) -> &dyn Engine {
        &self.0
    }

    fn name(&self, what: &str) -> Name {
        Name::new(what).expect("the suite's names are names")
    }

    fn template(&self, instance: &Name, disk: Option<&Name>) -> (Lima, Lima) {
        let mut lima = read_lima("images: [{location: /images/base.img}]\ncpus: 1").expect("YAML");
        lima.disk = Some(ByteSize::gib(1));
        let disks =
            disk.map(|disk| read_lima(&format!("additionalDisks: [{disk}]")).expect("YAML"));
        lima.additional_disks = disks.and_then(|lima| lima.additional_disks);
        let filled = fill(&lima, instance, &HostFacts::example());
        (lima, filled)
    }
}

#[tokio::test]
async fn it_conforms() {
    conformance::run(&Sim(SimEngine::new(1))).await;
}

#[tokio::test]
async fn it_conforms_without_networks() {
    let engine = SimEngine::new(1).with_capabilities(|can| can.networks = false);
    conformance::run(&Sim(engine)).await;
}
