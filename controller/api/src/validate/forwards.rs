//! Rules about ports.

use super::FieldError;
use super::error::template;
use crate::lima::{Int, PortForward};
use crate::{HostFacts, Lima};

pub(super) fn check(lima: &Lima, host: &HostFacts, errors: &mut Vec<FieldError>) {
    let ssh = lima.ssh.as_ref().and_then(|ssh| ssh.local_port).unwrap_or_default();
    if ssh.0 != 0 {
        port("ssh.localPort", ssh, errors);
    }
    for (index, forward) in lima.port_forwards.iter().flatten().enumerate() {
        check_forward(&format!("portForwards[{index}]"), forward, host, errors);
    }
}

fn port(path: &str, port: Int, errors: &mut Vec<FieldError>) {
    if !(1..=65535).contains(&port.0) || port.0 == 22 {
        template(errors, path, format!("{port} is no usable port: 1 to 65535 except 22"));
    }
}

fn check_forward(
    path: &str,
    forward: &PortForward,
    host: &HostFacts,
    errors: &mut Vec<FieldError>,
) {
    check_side(
        path,
        "guest",
        forward.guest_port,
        forward.guest_port_range,
        forward.guest_socket.as_deref(),
        errors,
    );
    check_side(
        path,
        "host",
        forward.host_port,
        forward.host_port_range,
        forward.host_socket.as_deref(),
        errors,
    );
    let size = |range: Option<[Int; 2]>| range.map(|[first, last]| last.0 - first.0);
    if let (Some(guest), Some(on_host)) =
        (size(forward.guest_port_range), size(forward.host_port_range))
        && guest != on_host
        && forward.guest_socket.is_none()
    {
        template(errors, &format!("{path}.hostPortRange"), "must be as long as the guest's range");
    }
    if forward.guest_socket.as_ref().is_some_and(|socket| !socket.starts_with('/')) {
        template(errors, &format!("{path}.guestSocket"), "must be an absolute path");
    }
    if let Some(length) =
        forward.host_socket.as_ref().map(String::len).filter(|length| *length >= host.unix_path_max)
    {
        let message = format!(
            "the path has {length} bytes, and fewer than {} are possible",
            host.unix_path_max
        );
        template(errors, &format!("{path}.hostSocket"), message);
    }
    let both = forward.guest_socket.is_some() && forward.host_socket.is_some();
    if forward.reverse == Some(true) && !both {
        template(errors, &format!("{path}.reverse"), "needs a guestSocket and a hostSocket");
    }
    let any = forward.guest_ip.is_none_or(|ip| ip.is_unspecified());
    if forward.guest_ip_must_be_zero == Some(true) && !any {
        template(errors, &format!("{path}.guestIPMustBeZero"), "contradicts guestIP");
    }
}

fn check_side(
    path: &str,
    side: &str,
    single: Option<Int>,
    range: Option<[Int; 2]>,
    socket: Option<&str>,
    errors: &mut Vec<FieldError>,
) {
    if let Some(single) = single {
        port(&format!("{path}.{side}Port"), single, errors);
        if socket.is_some() {
            template(errors, &format!("{path}.{side}Port"), format!("contradicts {side}Socket"));
        }
        if range.is_some_and(|range| range[0] != single) {
            template(
                errors,
                &format!("{path}.{side}Port"),
                format!("must be the first of {side}PortRange"),
            );
        }
    }
    if let Some([first, last]) = range {
        let within = |port: Int| (1..=65535).contains(&port.0);
        if !within(first) || !within(last) {
            template(errors, &format!("{path}.{side}PortRange"), "ports are 1 to 65535");
        } else if first > last {
            template(
                errors,
                &format!("{path}.{side}PortRange"),
                "the first port is above the last",
            );
        }
    }
}
