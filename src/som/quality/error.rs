//! Why a map's quality could not be measured.

/// Data, prototypes and map that do not fit together, or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A map without two units.
    #[error("a map of {0}x{1} has no second-best unit: it needs at least two units")]
    Map(usize, usize),
    /// A tensor that is no matrix.
    #[error("the {name} must be a matrix, one row for each sample or unit, got {shape:?}")]
    NotAMatrix {
        /// The argument meant.
        name: &'static str,
        /// Its shape.
        shape: Vec<i64>,
    },
    /// No whole number of rows.
    #[error("{length} numbers of the {name} are not rows of {dims}: pass at least one, all whole")]
    Shape {
        /// The argument meant.
        name: &'static str,
        /// Numbers given.
        length: usize,
        /// Numbers in a row.
        dims: usize,
    },
    /// Data and prototypes of different spaces.
    #[error(
        "samples of {data} numbers cannot be compared with prototypes of {prototypes}: pass both in \
         the same space, codes with latent prototypes or data with decoded ones"
    )]
    Dims {
        /// Numbers of a sample.
        data: usize,
        /// Numbers of a prototype.
        prototypes: usize,
    },
    /// Not one prototype for each unit.
    #[error(
        "{prototypes} prototypes do not fill a map of {rows}x{columns} = {units} units: \
         pass one for each unit, row by row"
    )]
    Units {
        /// Prototypes given.
        prototypes: usize,
        /// Rows of the map.
        rows: usize,
        /// Columns of the map.
        columns: usize,
        /// Units of the map.
        units: usize,
    },
    /// A value without a place in space.
    #[error("row {row} of the {name} holds a value that is NaN or infinite: check how it was made")]
    NotFinite {
        /// The argument meant.
        name: &'static str,
        /// The first such row, counted from 0.
        row: usize,
    },
    /// Not one class for each sample.
    #[error("{units} units and {classes} classes: pass one of each for every sample")]
    Labels {
        /// Units given.
        units: usize,
        /// Classes given.
        classes: usize,
    },
    /// A unit that is not on the map.
    #[error(
        "sample {row} is in unit {unit}, which a map of {rows}x{columns} does not have (the first is 0)"
    )]
    NoSuchUnit {
        /// The sample, counted from 0.
        row: usize,
        /// Its unit.
        unit: u32,
        /// Rows of the map.
        rows: usize,
        /// Columns of the map.
        columns: usize,
    },
    /// Not whole images.
    #[error(
        "{values} numbers of the {name} are not images of {height}x{width} (at least 2x2 each)"
    )]
    Image {
        /// The argument meant.
        name: &'static str,
        /// Numbers given.
        values: usize,
        /// Pixels of a column.
        height: usize,
        /// Pixels of a row.
        width: usize,
    },
}
