//! What others do behind our back: people with other tools, and what breaks.

use std::sync::Arc;

use limekiln_api::lima::Int;
use limekiln_engine_sim::World;
use limekiln_model::{InstancePhase, Name, NetworkPhase, ObservedInstance};

use crate::stage::Stage;

/// `outside stop NAME`, …: see the table of commands.
pub fn outside(stage: &Stage, words: &[&str]) {
    stage.sim.outside(|world| match words {
        ["stop", name] => stop(instance(world, name)),
        ["start", name] => start(instance(world, name)),
        ["kill", name] => {
            let why = "its host agent is gone".to_owned();
            instance(world, name).phase = InstancePhase::Broken { why };
        }
        ["edit", name, "cpus", cpus] => {
            let config = instance(world, name).config.as_mut().expect("it can be read");
            Arc::make_mut(config).cpus = Some(Int(cpus.parse().expect("a number")));
        }
        ["stop-daemon", name] => {
            let network = world.observed.networks.get_mut(&self::name(name));
            network.expect("a network").phase = NetworkPhase::Stopped;
        }
        ["lose", name] => {
            let lost = world.observed.instances.remove(&self::name(name));
            drop(lost.expect("an instance"));
        }
        ["make", new, "from", like] => {
            let like = world.observed.instances.get(&name(like)).expect("an instance").clone();
            world.observed.instances.insert(name(new), like);
        }
        other => panic!("outside {}: see the table", other.join(" ")),
    });
}

fn name(word: &str) -> Name {
    Name::new(word).expect("a name")
}

fn instance<'a>(world: &'a mut World, name: &str) -> &'a mut ObservedInstance {
    world.observed.instance_mut(name).expect("an instance")
}

fn stop(instance: &mut ObservedInstance) {
    (instance.phase, instance.booted) = (InstancePhase::Stopped, None);
}

fn start(instance: &mut ObservedInstance) {
    (instance.phase, instance.booted) = (InstancePhase::Ready, instance.config.clone());
}
