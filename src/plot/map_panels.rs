//! Panels of a [`Lattice`](super::Lattice) for a trained map: its U-matrix, and which classes its units win.

use super::LatticePanel;
use crate::som::{Grid, umatrix};

impl LatticePanel {
    /// The U-matrix of prototypes, `dims` values for each unit of `grid`.
    #[must_use]
    pub fn umatrix(grid: Grid, prototypes: &[f32], dims: usize) -> Self {
        Self {
            label: "Euclidean distance of neighbouring prototypes".to_owned(),
            rows: 2 * grid.rows - 1,
            columns: 2 * grid.columns - 1,
            values: umatrix(grid, prototypes, dims),
            words: Vec::new(),
            range: None,
        }
    }

    /// The label map: in each unit the class of most of its samples, coloured by their share of all that
    /// the unit wins. `counts` are samples by unit and class, unit after unit; `names` those of the
    /// classes, their numbers where there is none. Of equally large classes the first is named; units that
    /// win nothing stay empty.
    #[must_use]
    pub fn label_map(grid: Grid, counts: &[f32], classes: usize, names: &[String]) -> Self {
        let mut values = Vec::with_capacity(grid.units());
        let mut words = Vec::with_capacity(grid.units());
        for unit in counts.chunks_exact(classes.max(1)) {
            let mut most = 0;
            for (class, count) in unit.iter().enumerate() {
                if *count > unit[most] {
                    most = class;
                }
            }
            let all: f32 = unit.iter().sum();
            if all > 0.0 {
                values.push(f64::from(unit[most]) / f64::from(all));
                words.push(
                    names
                        .get(most)
                        .map_or_else(|| most.to_string(), Clone::clone),
                );
            } else {
                values.push(f64::NAN);
                words.push(String::new());
            }
        }
        Self {
            label: "largest class of a unit, and its share".to_owned(),
            rows: grid.rows,
            columns: grid.columns,
            values,
            words,
            range: Some((0.0, 1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_named_after_their_largest_class() {
        let grid = Grid {
            rows: 2,
            columns: 2,
        };
        let counts = [3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 5.0];
        let names = ["cat".to_owned(), "dog".to_owned()];
        let panel = LatticePanel::label_map(grid, &counts, 3, &names);
        // The second unit wins nothing, the third has two classes alike, the last has no name.
        assert_eq!(panel.words, ["cat", "", "cat", "2"]);
        let shares = [panel.values[0], panel.values[2], panel.values[3]];
        assert_eq!(
            shares.map(|share| format!("{share:.2}")),
            ["0.75", "0.50", "1.00"]
        );
        assert!(panel.values[1].is_nan());
        assert_eq!((panel.rows, panel.columns), (2, 2));
    }
}
