//! How much each connection may hold, so that all together stay within bounds.
//!
//! A connection's buffers are as long as it lives. Few connections get long ones; the more there
//! are, the shorter are those of new ones. Pages that were never written to cost nothing.

/// Length of each of a connection's two buffers, and how many connections get it.
const SIZES: [(usize, usize); 4] =
    [(512 << 10, 16), (64 << 10, 240), (16 << 10, 1792), (4 << 10, usize::MAX)];

/// How many connections hold buffers of each size.
#[derive(Debug, Default)]
pub struct Buffers {
    used: [usize; SIZES.len()],
}

/// A connection's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    size: usize,
}

impl Share {
    /// Bytes in each direction.
    pub fn bytes(self) -> usize {
        SIZES[self.size].0
    }
}

impl Buffers {
    /// A share for a new connection; a small one, if it may be one of a flood.
    pub fn take(&mut self, small: bool) -> Share {
        let fits = |((_, most), used): ((usize, usize), &usize)| used < &most;
        let free = SIZES.into_iter().zip(&self.used).position(fits).filter(|_| !small);
        let size = free.unwrap_or(SIZES.len() - 1);
        self.used[size] += 1;
        Share { size }
    }

    /// Takes a share back.
    pub fn give_back(&mut self, share: Share) {
        self.used[share.size] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Buffers;

    #[test]
    fn the_first_connections_get_most_and_ten_thousand_stay_bounded() {
        let mut buffers = Buffers::default();
        let shares: Vec<_> = (0..10_000).map(|_| buffers.take(false)).collect();
        assert_eq!(shares[0].bytes(), 512 << 10);
        let all: usize = shares.iter().map(|share| 2 * share.bytes()).sum();
        assert!(all < 170 << 20, "{all}");
        shares.iter().for_each(|&share| buffers.give_back(share));
        assert_eq!(buffers.take(false), shares[0]);
    }
}
