//! A hardware address.

use std::fmt;
use std::str::FromStr;

/// An Ethernet address, shown with colons and in lower case, as Lima writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Every station.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The gateway's, on every network: Lima's choice, so that guests that were started under
    /// Lima's daemon keep a right neighbour table under ours.
    pub const GATEWAY: Self = Self([0x5a, 0x94, 0xef, 0xe4, 0x0c, 0xdd]);

    /// Reads six bytes of a frame; `None` if there are fewer.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().copied().map(Self)
    }

    /// Whether a frame to it goes to more than one station.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no hardware address such as 52:55:55:01:02:03");
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .ok_or_else(bad)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Mac;

    #[test]
    fn text_goes_there_and_back() {
        assert_eq!("5A:94:ef:e4:0c:dd".parse(), Ok(Mac::GATEWAY));
        assert_eq!(Mac::GATEWAY.to_string(), "5a:94:ef:e4:0c:dd");
        for bad in ["", "5a:94:ef:e4:0c", "5a:94:ef:e4:0c:dd:00", "5a:94:ef:e4:0c:+d", "5a94:ef"] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }
}
