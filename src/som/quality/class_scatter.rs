//! Class scatter index: into how many pieces does a class fall on the map?

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use crate::som::Grid;

/// Class scatter index, 1 and up, lower is better: the mean over classes of the number of groups of
/// units, connected by steps between neighbours on the grid, that hold at least one sample of the class.
///
/// `units[i]` is the unit of sample `i`, `classes[i]` its class; classes that do not occur are not
/// counted. A single stray sample makes a group of its own.
///
/// Reference: Elend and Kramer, *Self-organizing maps with convolutional layers* (WSOM 2019), section 4.
///
/// # Errors
/// [`Error::Labels`] unless there is a class for each sample and at least one sample,
/// [`Error::NoSuchUnit`] for units that are not on the grid.
pub fn class_scatter_index<C: Copy + Into<u32>>(
    units: &[u32],
    classes: &[C],
    grid: Grid,
) -> Result<f64, Error> {
    if units.len() != classes.len() || units.is_empty() {
        return Err(Error::Labels {
            units: units.len(),
            classes: classes.len(),
        });
    }
    let mut held: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for (row, (&unit, &class)) in units.iter().zip(classes).enumerate() {
        if unit as usize / grid.columns.max(1) >= grid.rows {
            return Err(Error::NoSuchUnit {
                row,
                unit,
                rows: grid.rows,
                columns: grid.columns,
            });
        }
        held.entry(class.into()).or_default().insert(unit as usize);
    }
    let classes = held.len() as f64;
    let columns = grid.columns;
    let groups: usize = held.into_values().map(|held| groups(held, columns)).sum();
    Ok(groups as f64 / classes)
}

/// The number of connected groups of units on a grid of so many columns.
fn groups(mut held: BTreeSet<usize>, columns: usize) -> usize {
    let mut groups = 0;
    while let Some(first) = held.pop_first() {
        groups += 1;
        let mut open = vec![first];
        while let Some(unit) = open.pop() {
            let column = unit % columns;
            let left = (column > 0).then(|| unit - 1);
            let right = (column + 1 < columns).then_some(unit + 1);
            let above = unit.checked_sub(columns);
            let below = unit.checked_add(columns);
            let neighbours = [left, right, above, below].into_iter().flatten();
            open.extend(neighbours.filter(|unit| held.remove(unit)));
        }
    }
    groups
}
