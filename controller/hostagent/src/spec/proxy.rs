//! The host's proxies, for the guest: what reaches the network from here reaches it from there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};

/// In lower case, which goes before upper case.
const NAMES: [&str; 4] = ["ftp_proxy", "http_proxy", "https_proxy", "no_proxy"];
/// The one that names no proxy.
const EXCEPT: &str = "no_proxy";

/// What of the host counts for a guest's proxies.
pub(super) struct ProxyHost<P, H> {
    /// A variable of this process.
    pub(super) variable: P,
    /// Whether a host's name or address stands for this host itself.
    pub(super) is_here: H,
    /// Where the guest finds this host.
    pub(super) address: Ipv4Addr,
}

impl<P, H> ProxyHost<P, H>
where
    P: Fn(&str) -> Option<String>,
    H: Fn(&str) -> bool,
{
    /// The guest's environment, as Lima makes it: this process's variables go before `env`'s, an
    /// empty one stands for none, and both cases of a name say the same.
    pub(super) fn environment(
        &self,
        mut env: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        for lower in NAMES {
            let upper = lower.to_uppercase();
            let value = [lower, &upper].into_iter().find_map(|name| self.value(&env, name));
            env.remove(lower);
            env.remove(&upper);
            if let Some(value) = value {
                let value = if lower == EXCEPT { value } else { self.seen_from_guest(value) };
                env.insert(lower.to_owned(), value.clone());
                env.insert(upper, value);
            }
        }
        env
    }

    fn value(&self, env: &BTreeMap<String, String>, name: &str) -> Option<String> {
        let value = (self.variable)(name).or_else(|| env.get(name).cloned());
        value.filter(|value| !value.is_empty())
    }

    /// A proxy on this host's loopback interface is none in the guest, which has its own. Unlike
    /// Lima also without `http://` before it, as curl takes it.
    fn seen_from_guest(&self, proxy: String) -> String {
        let (before, host, after) = parts(&proxy);
        if !(self.is_here)(host.trim_matches(['[', ']'])) {
            return proxy;
        }
        format!("{before}{}{after}", self.address)
    }
}

/// A proxy's URL: before its host, the host, and behind it.
fn parts(proxy: &str) -> (&str, &str, &str) {
    let start = proxy.find("://").map_or(0, |at| at + 3);
    let end = proxy[start..].find(['/', '?', '#']).map_or(proxy.len(), |at| start + at);
    let start = proxy[start..end].rfind('@').map_or(start, |at| start + at + 1);
    let host = &proxy[start..end];
    let length = match host.find(']') {
        Some(at) => at + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    (&proxy[..start], &host[..length], &proxy[start + length..])
}

/// Whether it is an address of the loopback interface, or a name for one.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    if host.is_empty() {
        return false;
    }
    let found = (host, 0).to_socket_addrs();
    found.is_ok_and(|mut all| all.any(|address| address.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn environment(process: &[(&str, &str)], env: &[(&str, &str)]) -> BTreeMap<String, String> {
        let process = map(process);
        let host = ProxyHost {
            variable: |name: &str| process.get(name).cloned(),
            is_here: |host: &str| host == "me.test" || is_loopback(host),
            address: Ipv4Addr::new(192, 168, 5, 2),
        };
        host.environment(map(env))
    }

    #[test]
    fn this_process_goes_before_env_and_lower_case_before_upper() {
        for (process, env, value) in [
            (&[("http_proxy", "http://p")][..], &[("http_proxy", "http://e")][..], "http://p"),
            (&[], &[("http_proxy", "http://e")], "http://e"),
            (&[("HTTP_PROXY", "http://P")], &[("http_proxy", "http://e")], "http://e"),
            (&[("HTTP_PROXY", "http://P")], &[("HTTP_PROXY", "http://e")], "http://P"),
            (&[("HTTP_PROXY", "http://P"), ("http_proxy", "http://p")], &[], "http://p"),
            (&[("http_proxy", "")], &[("HTTP_PROXY", "http://e")], "http://e"),
        ] {
            let both = map(&[("HTTP_PROXY", value), ("http_proxy", value)]);
            assert_eq!(environment(process, env), both, "{process:?} {env:?}");
        }
    }

    #[test]
    fn an_empty_variable_takes_away_and_others_stay() {
        let env = [("https_proxy", "http://e"), ("FOO", ""), ("ALL_PROXY", "http://127.0.0.1")];
        let rest = map(&env[1..]);
        assert_eq!(environment(&[("https_proxy", ""), ("FOO", "x")], &env), rest);
    }

    #[test]
    fn no_proxy_stays_as_it_is() {
        let found = environment(&[("no_proxy", "localhost,127.0.0.1")], &[]);
        assert_eq!(found["NO_PROXY"], "localhost,127.0.0.1");
        assert_eq!(found["no_proxy"], "localhost,127.0.0.1");
    }

    #[test]
    fn a_proxy_of_this_host_is_found_by_the_guest() {
        for (here, there) in [
            ("http://127.0.0.1:3128", "http://192.168.5.2:3128"),
            ("http://127.0.1.1", "http://192.168.5.2"),
            ("http://u:p%40@localhost:3128/x?y@z", "http://u:p%40@192.168.5.2:3128/x?y@z"),
            ("socks5h://[::1]:1080/", "socks5h://192.168.5.2:1080/"),
            ("http://[::ffff:127.0.0.1]", "http://192.168.5.2"),
            ("me.test:80", "192.168.5.2:80"),
            ("http://10.0.0.1:3128", "http://10.0.0.1:3128"),
            ("http://127.0.0.1@10.0.0.1:3128", "http://127.0.0.1@10.0.0.1:3128"),
            ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
            ("http://", "http://"),
            ("]:[", "]:["),
        ] {
            assert_eq!(environment(&[("http_proxy", here)], &[])["http_proxy"], there, "{here}");
        }
    }
}
