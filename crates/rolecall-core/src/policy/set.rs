//! Sets of permissions, each permission by its number in the policy.

/// Which permissions are held: as sorted numbers where they are few, as bits where that takes less room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PermissionSet {
    Few(Box<[u32]>),
    Many(Box<[u64]>),
}

const BITS: u32 = u64::BITS;

impl Default for PermissionSet {
    fn default() -> Self {
        Self::Few(Box::default())
    }
}

impl PermissionSet {
    /// Whether the permission number `id` is in the set.
    pub(super) fn contains(&self, id: u32) -> bool {
        match self {
            Self::Few(ids) => ids.binary_search(&id).is_ok(),
            Self::Many(words) => words
                .get((id / BITS) as usize)
                .is_some_and(|word| word >> (id % BITS) & 1 == 1),
        }
    }

    /// How many permissions it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(ids) => ids.len(),
            Self::Many(words) => words.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }

    /// The numbers, ascending.
    pub(super) fn ids(&self) -> Vec<u32> {
        match self {
            Self::Few(ids) => ids.to_vec(),
            Self::Many(words) => bits_of(words).collect(),
        }
    }
}

/// Where sets are united: one bit for each permission of the policy.
pub(super) struct Scratch(Vec<u64>);

impl Scratch {
    /// Empty, for a policy of `permissions` permissions.
    pub(super) fn new(permissions: usize) -> Self {
        Self(vec![0; permissions.div_ceil(BITS as usize)])
    }

    pub(super) fn insert(&mut self, id: u32) {
        if let Some(word) = self.0.get_mut((id / BITS) as usize) {
            *word |= 1 << (id % BITS);
        }
    }

    pub(super) fn unite(&mut self, set: &PermissionSet) {
        match set {
            PermissionSet::Few(ids) => ids.iter().for_each(|id| self.insert(*id)),
            PermissionSet::Many(words) => {
                for (mine, theirs) in self.0.iter_mut().zip(words) {
                    *mine |= theirs;
                }
            }
        }
    }

    /// What was collected; the scratch is empty again.
    pub(super) fn take(&mut self) -> PermissionSet {
        let count: usize = self.0.iter().map(|word| word.count_ones() as usize).sum();
        let few = count * size_of::<u32>() <= self.0.len() * size_of::<u64>();
        let set = if few {
            PermissionSet::Few(bits_of(&self.0).collect())
        } else {
            PermissionSet::Many(self.0.clone().into())
        };
        self.0.fill(0);
        set
    }
}

fn bits_of(words: &[u64]) -> impl Iterator<Item = u32> {
    (0u32..).zip(words).flat_map(|(at, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let bit = left.trailing_zeros();
                left &= left - 1;
                at * BITS + bit
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set_of(ids: &BTreeSet<u32>, universe: usize) -> PermissionSet {
        let mut scratch = Scratch::new(universe);
        for id in ids {
            scratch.insert(*id);
        }
        scratch.take()
    }

    proptest! {
        #[test]
        fn a_set_is_what_a_plain_set_is(
            universe in 1usize..300,
            a in prop::collection::btree_set(0u32..300, 0..200),
            b in prop::collection::btree_set(0u32..300, 0..20),
        ) {
            let within = |ids: BTreeSet<u32>| -> BTreeSet<u32> {
                ids.into_iter().filter(|id| (*id as usize) < universe).collect()
            };
            let (a, b) = (within(a), within(b));
            let mut scratch = Scratch::new(universe);
            scratch.unite(&set_of(&a, universe));
            scratch.unite(&set_of(&b, universe));
            let united = scratch.take();
            let model: BTreeSet<u32> = a.union(&b).copied().collect();
            prop_assert_eq!(united.ids(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(united.len(), model.len());
            for id in 0..400 {
                prop_assert_eq!(united.contains(id), model.contains(&id));
            }
            prop_assert_eq!(scratch.take().len(), 0, "nothing is left over");
        }
    }
}
