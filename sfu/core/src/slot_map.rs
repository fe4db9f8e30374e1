//! A table of values at stable places.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// Names a place in a [`SlotMap`] and the value that was put there: a later value at the same place
/// has another key, so a stale key finds nothing.
pub(crate) struct Key<M> {
    index: u32,
    generation: u32,
    mark: PhantomData<fn() -> M>,
}

impl<T> Key<T> {
    fn parts(self) -> (u32, u32) {
        (self.index, self.generation)
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

/// Values at stable places, found by an index instead of a hash. Keys of different tables differ in the
/// type `M` that marks them.
#[derive(Debug)]
pub(crate) struct SlotMap<M, T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    len: usize,
    mark: PhantomData<fn() -> M>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<Box<T>>,
}

impl<M, T> Default for SlotMap<M, T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            len: 0,
            mark: PhantomData,
        }
    }
}

impl<M, T> SlotMap<M, T> {
    /// Puts `value` into a free place.
    pub(crate) fn insert(&mut self, value: T) -> Key<M> {
        self.len += 1;
        let value = Some(Box::new(value));
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.value = value;
            return Self::key(index, slot.generation);
        }
        // A process holds far fewer than 2^32 values.
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot {
            generation: 0,
            value,
        });
        Self::key(index, 0)
    }

    /// Takes the value of `key` out; its place is used again.
    pub(crate) fn remove(&mut self, key: Key<M>) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        self.len -= 1;
        Some(*value)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<M>) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.value.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key<M>) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.value.as_deref_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn key(index: u32, generation: u32) -> Key<M> {
        Key {
            index,
            generation,
            mark: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_find_what_took_its_place() {
        let mut map = SlotMap::<(), _>::default();
        let first = map.insert("first");
        assert_eq!(map.remove(first), Some("first"));
        let second = map.insert("second");
        assert_eq!(map.get(first), None);
        assert_eq!(map.remove(first), None);
        assert_eq!(map.get(second), Some(&"second"));
    }

    #[test]
    fn places_are_used_again() {
        let mut map = SlotMap::<(), _>::default();
        for round in 0..100 {
            let key = map.insert(round);
            assert_eq!(map.len(), 1);
            map.remove(key);
        }
        assert_eq!((map.len(), map.slots.len()), (0, 1));
    }
}
