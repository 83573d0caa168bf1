//! How much of what all VMs share one of them may have.

/// How many times what is left one VM may have: alone it gets three quarters, and however many
/// take all that they may, something is left for the next. (Switches share their buffers so:
/// Choudhury and Hahne, "Dynamic queue length thresholds".)
const TIMES: usize = 3;

/// Whether a VM that has `used` may have more, when nobody has `free`.
pub fn may_have_more(used: usize, free: usize) -> bool {
    used < free.saturating_mul(TIMES)
}

#[cfg(test)]
mod tests {
    use super::may_have_more;

    #[test]
    fn who_comes_late_finds_something() {
        let mut free = 10_000;
        let mut had = Vec::new();
        for _ in 0..4 {
            let mut used = 0;
            while may_have_more(used, free) {
                (used, free) = (used + 1, free - 1);
            }
            had.push(used);
        }
        assert_eq!(had, [7500, 1875, 469, 117]);
        assert!(free > 0);
    }
}
