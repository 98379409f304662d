//! Random bytes of the machine. They are asked for in blocks: to ask takes longer than all that is done with some of them.

use std::cell::RefCell;

use ring::rand::{SecureRandom, SystemRandom};

/// How many bytes are asked for at once.
const BLOCK: usize = 512;

/// What is left of a block; what was handed out is there no more.
struct Block {
    bytes: [u8; BLOCK],
    left: usize,
}

thread_local! {
    static LEFT: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK], left: 0 }) };
}

/// Returns random bytes that nobody can guess, at most 512; nothing where the machine gives none.
pub fn chance<const N: usize>() -> Option<[u8; N]> {
    LEFT.with_borrow_mut(|block| {
        if block.left < N {
            SystemRandom::new().fill(&mut block.bytes).ok()?;
            block.left = BLOCK;
        }
        let given = block.bytes.get_mut(..block.left)?.last_chunk_mut::<N>()?;
        block.left -= N;
        Some(std::mem::replace(given, [0; N]))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::HashSet;

    use super::chance;

    #[test]
    fn nothing_comes_twice() {
        let given: HashSet<[u8; 12]> = (0..1000).map(|_| chance().unwrap()).collect();
        assert_eq!(given.len(), 1000);
        assert!(!given.contains(&[0; 12]));
        assert_ne!(chance::<512>(), chance::<512>());
        assert_eq!(chance::<513>(), None);
    }
}
