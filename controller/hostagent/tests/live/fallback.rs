//! Hardware acceleration that does not work.

use limekiln_hostagent::accel::{AccelVerdict, Accelerator, verdict};

use crate::agent::Agent;
use crate::instance::Instance;

/// On a host whose KVM works, this shows that a guest under it is not taken for a hung one.
#[test]
fn a_guest_that_hangs_under_kvm_runs_without() {
    // A model that such a KVM does not refuse at once, so that the guest is what hangs.
    let yaml = "vmOpts: {qemu: {cpuType: {x86_64: qemu64}}}";
    let Some(instance) = Instance::new(yaml) else { return };
    instance.know_no_host();
    let AccelVerdict::Usable(Accelerator::Kvm) = verdict(instance.home()) else {
        println!("SKIPPED: /dev/kvm can't be opened");
        return;
    };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let status = agent.status();
    if status.accelerator == Some(Accelerator::Kvm) {
        assert_eq!(status.fallback_reason, None);
        assert_eq!(verdict(instance.home()), AccelVerdict::Usable(Accelerator::Kvm));
    } else {
        assert!(status.fallback_reason.as_deref().unwrap_or_default().starts_with("kvm: "));
        let AccelVerdict::Broken(Accelerator::Kvm, known) = verdict(instance.home()) else {
            panic!("not remembered");
        };
        assert!(!known.reason.is_empty());
    }
    agent.interrupt();
    assert!(agent.wait().success());

    // The next start knows.
    let mut again = Agent::start(&instance);
    again.wait_for(|event| event.running);
    assert_eq!(again.status().accelerator, status.accelerator);
    again.interrupt();
    assert!(again.wait().success());
}
