//! Class scatter index: into how many pieces does a class fall on the map?

use std::collections::BTreeMap;

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
    let mut held: BTreeMap<u32, Vec<bool>> = BTreeMap::new();
    for (row, (&unit, &class)) in units.iter().zip(classes).enumerate() {
        let held = held
            .entry(class.into())
            .or_insert_with(|| vec![false; grid.units()]);
        let unit = held.get_mut(unit as usize).ok_or(Error::NoSuchUnit {
            row,
            unit,
            rows: grid.rows,
            columns: grid.columns,
        })?;
        *unit = true;
    }
    let classes = held.len() as f64;
    let groups: usize = held.into_values().map(|held| groups(held, grid)).sum();
    Ok(groups as f64 / classes)
}

/// The number of connected groups of marked units.
fn groups(mut marked: Vec<bool>, grid: Grid) -> usize {
    let mut groups = 0;
    for start in 0..marked.len() {
        let mut open = vec![start];
        groups += usize::from(marked[start]);
        while let Some(unit) = open.pop() {
            if std::mem::take(&mut marked[unit]) {
                let column = unit % grid.columns;
                open.extend((column > 0).then(|| unit - 1));
                open.extend((column + 1 < grid.columns).then_some(unit + 1));
                open.extend(unit.checked_sub(grid.columns));
                open.extend((unit + grid.columns < marked.len()).then_some(unit + grid.columns));
            }
        }
    }
    groups
}
