//! Hardware acceleration.

use limekiln_api::HostFacts;
use limekiln_hostagent::accel::{AccelVerdict, verdict};

use super::check::{Check, State};

/// Whether guests of the host's architecture are accelerated, and if not, why.
pub fn checks(facts: &HostFacts) -> Vec<Check> {
    let what = "accelerator";
    vec![match verdict(&facts.lima_home) {
        AccelVerdict::Usable(accelerator) => {
            Check::ok(what, format!("{accelerator} (nothing is known against it)"))
        }
        AccelVerdict::Broken(accelerator, remembered) => {
            let found =
                format!("tcg, because {accelerator} does not work here: {}", remembered.reason);
            let advice = format!("tried again when the kernel is no longer {}", remembered.kernel);
            Check::bad(State::Warn, what, found, advice)
        }
        AccelVerdict::Absent(why) => Check::bad(
            State::Warn,
            what,
            format!("tcg: {why}"),
            "guests run many times slower without one",
        ),
    }]
}
