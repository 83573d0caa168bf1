//! What whoever starts a VM tells of it, before its guest says the first word.

use serde::Deserialize;

use crate::wire::Mac;

/// Cards of one VM: more than any machine has slots for.
const MOST: usize = 64;

/// A VM that is about to run.
#[derive(Clone, Debug, Deserialize)]
pub struct Vm {
    /// The process at the other end of its cables. Whoever tells it holds it: another can't have
    /// got its number.
    pub pid: u32,
    /// The hardware addresses of its cards on this network.
    cards: Vec<String>,
}

impl Vm {
    /// The addresses of its cards.
    ///
    /// # Errors
    /// There are none, too many, or some are no addresses; in words.
    pub fn macs(&self) -> Result<Vec<Mac>, String> {
        match self.cards.len() {
            0 => Err("a VM on this network has a card".to_owned()),
            1..=MOST => self.cards.iter().map(|card| card.parse()).collect(),
            _ => Err(format!("a VM has at most {MOST} cards")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Vm};

    #[test]
    fn cards_are_counted_and_read() {
        let macs = |cards: &[&str]| {
            Vm { pid: 1, cards: cards.iter().map(ToString::to_string).collect() }.macs()
        };
        assert_eq!(macs(&["52:55:55:00:00:01", "52:55:55:00:00:0A"]).unwrap().len(), 2);
        assert!(macs(&[]).is_err() && macs(&["x"]).is_err());
        assert!(macs(&["52:55:55:00:00:01"; MOST + 1]).is_err());
    }
}
