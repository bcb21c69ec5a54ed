//! The large buffer in which Argon2 works.

use argon2::Block;
use zeroize::Zeroize as _;

/// The smallest reservation, in blocks of 1 KiB. glibc gives allocations over 32 MiB a mapping
/// of their own, which returns to the system when it is freed. Only touched pages count as
/// used, so a larger reservation costs nothing.
const ALWAYS_MAPPED_BLOCKS: usize = 33 * 1024;

/// The working memory of one thread, kept while there is work and released when idle.
#[derive(Default)]
pub(crate) struct Memory {
    blocks: Vec<Block>,
}

impl Memory {
    /// Returns `count` blocks with arbitrary content, or `None` if the system has no memory.
    pub(crate) fn blocks(&mut self, count: usize) -> Option<&mut [Block]> {
        if self.blocks.capacity() < count {
            self.release();
            let capacity = count.max(ALWAYS_MAPPED_BLOCKS);
            let reserved = self.blocks.try_reserve_exact(capacity);
            reserved
                .or_else(|_| self.blocks.try_reserve_exact(count))
                .ok()?;
        }
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::default());
        }
        self.blocks.get_mut(..count)
    }

    /// Checks whether the system would give `count` blocks now.
    pub(crate) fn is_available(count: usize) -> bool {
        let mut blocks: Vec<Block> = Vec::new();
        let reserved = blocks.try_reserve_exact(count).is_ok();
        // or the compiler leaves out the reservation that nobody uses
        std::hint::black_box(&blocks);
        reserved
    }

    /// Wipes the memory and returns it to the system.
    pub(crate) fn release(&mut self) {
        for block in &mut self.blocks {
            block.zeroize();
        }
        self.blocks = Vec::new();
    }

    /// Releases the memory if an unusually costly hash made it grow.
    pub(crate) fn release_if_oversized(&mut self) {
        if self.blocks.len() > ALWAYS_MAPPED_BLOCKS {
            self.release();
        }
    }

    /// Checks whether no memory is reserved.
    pub(crate) fn is_empty(&self) -> bool {
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
    fn memory_grows_is_kept_and_is_released() {
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
    fn the_memory_of_an_oversized_hash_is_not_kept() {
        let mut memory = Memory::default();
        memory.blocks(ALWAYS_MAPPED_BLOCKS + 1).unwrap();
        memory.release_if_oversized();
        assert!(memory.is_empty());
    }

    #[test]
    fn an_impossible_amount_does_not_end_the_process() {
        assert!(Memory::default().blocks(usize::MAX / 2).is_none());
        assert!(!Memory::is_available(usize::MAX / 2));
        assert!(Memory::is_available(8));
    }
}
