//! Sets of permission ids. A policy numbers its permissions in the order of their names.

/// A set of permission ids, in whichever form takes less memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PermissionSet {
    /// Sorted ids.
    Few(Box<[u32]>),
    /// One bit for each permission of the policy.
    Many(Box<[u64]>),
}

const BITS: u32 = u64::BITS;

impl Default for PermissionSet {
    fn default() -> Self {
        Self::Few(Box::default())
    }
}

impl PermissionSet {
    /// Returns true if the set contains `id`.
    pub(super) fn contains(&self, id: u32) -> bool {
        match self {
            Self::Few(ids) => ids.binary_search(&id).is_ok(),
            Self::Many(words) => words
                .get((id / BITS) as usize)
                .is_some_and(|word| word >> (id % BITS) & 1 == 1),
        }
    }

    /// Returns the number of ids.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(ids) => ids.len(),
            Self::Many(words) => words.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }

    /// Returns the ids in ascending order.
    pub(super) fn ids(&self) -> Vec<u32> {
        match self {
            Self::Few(ids) => ids.to_vec(),
            Self::Many(words) => ids_of_bits(words).collect(),
        }
    }
}

/// A bit set in which the union of several [`PermissionSet`]s is computed.
pub(super) struct Scratch(Vec<u64>);

impl Scratch {
    /// Creates an empty set for a policy with `permissions` permissions.
    pub(super) fn new(permissions: usize) -> Self {
        Self(vec![0; permissions.div_ceil(BITS as usize)])
    }

    /// Adds one id; an id beyond the number of permissions is ignored.
    pub(super) fn insert(&mut self, id: u32) {
        if let Some(word) = self.0.get_mut((id / BITS) as usize) {
            *word |= 1 << (id % BITS);
        }
    }

    /// Adds all ids of `set`.
    pub(super) fn extend(&mut self, set: &PermissionSet) {
        match set {
            PermissionSet::Few(ids) => ids.iter().for_each(|id| self.insert(*id)),
            PermissionSet::Many(words) => {
                for (own, other) in self.0.iter_mut().zip(words) {
                    *own |= other;
                }
            }
        }
    }

    /// Returns the collected ids and empties this set, so that it can be used again without an allocation.
    pub(super) fn take(&mut self) -> PermissionSet {
        let count: usize = self.0.iter().map(|word| word.count_ones() as usize).sum();
        let few = count * size_of::<u32>() <= self.0.len() * size_of::<u64>();
        let set = if few {
            PermissionSet::Few(ids_of_bits(&self.0).collect())
        } else {
            PermissionSet::Many(self.0.clone().into())
        };
        self.0.fill(0);
        set
    }
}

fn ids_of_bits(words: &[u64]) -> impl Iterator<Item = u32> {
    (0u32..).zip(words).flat_map(|(index, word)| {
        let mut remaining = *word;
        std::iter::from_fn(move || {
            (remaining != 0).then(|| {
                let bit = remaining.trailing_zeros();
                // clears the lowest bit
                remaining &= remaining - 1;
                index * BITS + bit
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
        fn sets_behave_like_a_btree_set(
            universe in 1usize..300,
            a in prop::collection::btree_set(0u32..300, 0..200),
            b in prop::collection::btree_set(0u32..300, 0..20),
        ) {
            let within = |ids: BTreeSet<u32>| -> BTreeSet<u32> {
                ids.into_iter().filter(|id| (*id as usize) < universe).collect()
            };
            let (a, b) = (within(a), within(b));
            let mut scratch = Scratch::new(universe);
            scratch.extend(&set_of(&a, universe));
            scratch.extend(&set_of(&b, universe));
            let union = scratch.take();
            let model: BTreeSet<u32> = a.union(&b).copied().collect();
            prop_assert_eq!(union.ids(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(union.len(), model.len());
            for id in 0..400 {
                prop_assert_eq!(union.contains(id), model.contains(&id));
            }
            prop_assert_eq!(scratch.take().len(), 0, "the scratch is empty again");
        }
    }
}
