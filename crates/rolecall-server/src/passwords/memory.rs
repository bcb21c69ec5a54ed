//! The large buffer that Argon2 works in.

use argon2::Block;
use zeroize::Zeroize as _;

/// Blocks (of 1 KiB) that are always reserved: glibc gives allocations over 32 MiB a
/// mapping of their own, which goes back to the system when freed. Only touched pages count
/// as used, so the larger reservation costs nothing.
const ALWAYS_MAPPED_BLOCKS: usize = 33 * 1024;

/// One thread's working memory: kept while there is work, given back when idle.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
}

impl Memory {
    /// At least `count` blocks, their content arbitrary; `None` if the system has no memory
    /// left.
    pub(super) fn blocks(&mut self, count: usize) -> Option<&mut [Block]> {
        if self.blocks.capacity() < count {
            self.release();
            let capacity = count.max(ALWAYS_MAPPED_BLOCKS);
            self.blocks.try_reserve_exact(capacity).ok()?;
        }
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::default());
        }
        self.blocks.get_mut(..count)
    }

    /// Wipes the memory and gives it back.
    pub(super) fn release(&mut self) {
        for block in &mut self.blocks {
            block.zeroize();
        }
        self.blocks = Vec::new();
    }

    /// Gives back what only an unusually costly hash needed.
    pub(super) fn release_if_oversized(&mut self) {
        if self.blocks.len() > ALWAYS_MAPPED_BLOCKS {
            self.release();
        }
    }

    /// Whether anything is held.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.capacity() == 0
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_is_kept_and_is_given_back() {
        let mut memory = Memory::default();
        assert!(memory.is_empty());
        assert_eq!(memory.blocks(8).unwrap().len(), 8);
        let held = memory.blocks.capacity();
        assert!(held >= ALWAYS_MAPPED_BLOCKS);
        assert_eq!(memory.blocks(64).unwrap().len(), 64);
        assert_eq!(memory.blocks(8).unwrap().len(), 8);
        memory.release_if_oversized();
        assert_eq!(memory.blocks.capacity(), held);
        memory.release();
        assert!(memory.is_empty());
    }

    #[test]
    fn what_an_oversized_hash_needed_is_not_kept() {
        let mut memory = Memory::default();
        memory.blocks(ALWAYS_MAPPED_BLOCKS + 1).unwrap();
        memory.release_if_oversized();
        assert!(memory.is_empty());
    }

    #[test]
    fn an_impossible_amount_is_refused_without_a_crash() {
        assert!(Memory::default().blocks(usize::MAX / 2).is_none());
    }
}
