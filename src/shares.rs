//! Loops over slices, split among threads.
//!
//! Each item is computed by one thread from shared, unchanging inputs, and whatever is summed over
//! items is summed afterwards in their order: results are the same bits for any number of threads.

use std::num::NonZeroUsize;
use std::thread;

/// Calls `work(first, part)` for parts of `items` that together cover all of them, at most one part
/// per thread. A part begins at a multiple of `unit` items; `first` counts the units before it.
pub(crate) fn share<T: Send>(
    threads: NonZeroUsize,
    items: &mut [T],
    unit: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let units = items.len().div_ceil(unit.max(1));
    let each = units.div_ceil(threads.get()).max(1);
    if each >= units {
        return work(0, items);
    }
    thread::scope(|scope| {
        let mut parts = items.chunks_mut(each * unit).enumerate();
        let own = parts.next();
        for (number, part) in parts {
            let work = &work;
            scope.spawn(move || work(number * each, part));
        }
        if let Some((_, part)) = own {
            work(0, part);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_visited_once_with_its_own_number() {
        for threads in [1, 2, 3, 7, 40] {
            for unit in [1, 3, 5] {
                let mut items = vec![usize::MAX; 31];
                share(
                    NonZeroUsize::MIN.saturating_add(threads - 1),
                    &mut items,
                    unit,
                    |first, part| {
                        for (offset, item) in part.iter_mut().enumerate() {
                            assert_eq!(*item, usize::MAX);
                            *item = first * unit + offset;
                        }
                    },
                );
                assert!(items.iter().enumerate().all(|(at, &item)| at == item));
            }
        }
        share(NonZeroUsize::MIN, &mut Vec::<u8>::new(), 4, |_, part| {
            assert!(part.is_empty());
        });
    }
}
