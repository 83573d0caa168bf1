//! Header fields (RFC 7541), read as far as it takes to find a call's status.

use std::collections::VecDeque;

/// `grpc-status` and `0`, in the code of RFC 7541, appendix B, which hyper's server writes.
const GRPC_STATUS: &[u8] = &[0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
const OK: &[u8] = &[0x07];
/// The first index of what the server itself added.
const DYNAMIC: usize = 62;

/// A name and a value as they came, coded or not.
type Field = (Vec<u8>, Vec<u8>);

/// What one side of a connection said so far, which later fields refer to.
#[derive(Default)]
pub struct Fields {
    dynamic: VecDeque<Field>,
}

impl Fields {
    /// Whether a call ended well; `None` if this block does not say.
    pub fn ended_well(&mut self, block: &[u8]) -> Option<bool> {
        let fields = self.read(block);
        fields.iter().find(|(name, _)| name == GRPC_STATUS).map(|(_, value)| value == OK)
    }

    fn read(&mut self, mut block: &[u8]) -> Vec<Field> {
        let mut fields = Vec::new();
        while let Some(first) = block.first() {
            match first {
                0x80.. => fields.push(self.indexed(integer(&mut block, 7))),
                0x40.. => {
                    let field = self.literal(&mut block, 6);
                    self.dynamic.push_front(field.clone());
                    fields.push(field);
                }
                // Only the table's size.
                0x20.. => drop(integer(&mut block, 5)),
                _ => fields.push(self.literal(&mut block, 4)),
            }
        }
        fields
    }

    /// Of the static table nothing is asked: its fields are named by their numbers.
    fn indexed(&self, index: usize) -> Field {
        match index.checked_sub(DYNAMIC) {
            Some(place) => self.dynamic[place].clone(),
            None => (vec![u8::try_from(index).unwrap()], Vec::new()),
        }
    }

    fn literal(&self, block: &mut &[u8], bits: u32) -> Field {
        let name = match integer(block, bits) {
            0 => text(block),
            index => self.indexed(index).0,
        };
        (name, text(block))
    }
}

fn text(block: &mut &[u8]) -> Vec<u8> {
    let length = integer(block, 7);
    let (text, rest) = block.split_at(length);
    *block = rest;
    text.to_vec()
}

/// A number in the last bits of a byte and, if they are all set, in the bytes after it.
fn integer(block: &mut &[u8], bits: u32) -> usize {
    let mut next = || {
        let (first, rest) = block.split_first().unwrap();
        *block = rest;
        usize::from(*first)
    };
    let most = (1 << bits) - 1;
    let mut value = next() & most;
    let mut shift = 0;
    while value >= most {
        let part = next();
        value += (part & 0x7f) << shift;
        shift += 7;
        if part < 0x80 {
            break;
        }
    }
    value
}
