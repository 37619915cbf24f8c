//! Figures: one visual language for every picture of the project.
//!
//! A figure type ([`Sweep`], [`Curves`], [`Bars`], [`ImageGrid`]) holds numbers and words; its `draw` makes a [`Figure`], an
//! SVG whose text is outlines and a PNG of twice its size, so that both look the same on a machine without any font.
//! The same input gives the same bytes.
//!
//! What is not drawn is said: undefined values, cut error bars and empty panels are named below the figure.
//! Nothing here computes statistics: means and standard deviations come from the caller.

mod architecture;
mod axis;
mod bars;
mod canvas;
mod curves;
mod effects;
mod figure;
mod font;
mod frame;
mod image_grid;
mod interval;
mod labels;
mod lattice;
mod map_panels;
mod palette;
mod scatter;
mod sweep;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use architecture::{Architecture, Layer, LayerKind};
pub use axis::Scale;
pub use bars::{Bar, BarGroup, Bars};
pub use curves::{CurvePanel, Curves};
pub use effects::{Effect, EffectPanel, Effects};
pub use figure::Figure;
pub use font::page_fonts;
pub use frame::sample_sizes;
pub use image_grid::ImageGrid;
pub use interval::{Strip, StripLane};
pub use lattice::{Lattice, LatticePanel};
pub use scatter::{Cloud, Scatter};
pub use sweep::{Baseline, Panel, Point, Run, Sweep};

/// What can go wrong between numbers and a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The figure has nothing to draw at all.
    #[error("figure \"{title}\" has no {what}: give at least one")]
    Empty {
        /// The figure's title.
        title: String,
        /// What it lacks.
        what: &'static str,
    },
    /// A value that a logarithmic axis cannot show.
    #[error(
        "figure \"{title}\": {axis} = {value} cannot stand on a logarithmic axis: leave it out, or use a category axis"
    )]
    NotPositive {
        /// The figure's title.
        title: String,
        /// The axis' label.
        axis: String,
        /// The value.
        value: f64,
    },
    /// A value range that is not finite and ascending.
    #[error(
        "figure \"{title}\": {axis} ranges from {low} to {high}: give two finite ascending numbers"
    )]
    Range {
        /// The figure's title.
        title: String,
        /// The axis' label.
        axis: String,
        /// The range's start.
        low: f64,
        /// The range's end.
        high: f64,
    },
    /// An image tile of the wrong size.
    #[error("figure \"{title}\": tile {index} has {got} values, but {height} x {width} pixels need {}", height * width)]
    Tile {
        /// The figure's title.
        title: String,
        /// Position in the list of tiles.
        index: usize,
        /// Number of values it has.
        got: usize,
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
    },
    /// More tiles than cells.
    #[error(
        "figure \"{title}\" has {tiles} tiles for {rows} x {columns} cells: drop some or enlarge the grid"
    )]
    Tiles {
        /// The figure's title.
        title: String,
        /// Number of tiles.
        tiles: usize,
        /// Rows of the grid.
        rows: usize,
        /// Columns of the grid.
        columns: usize,
    },
    /// Values or words that are not one for each cell.
    #[error("figure \"{title}\" has {got} {what} for {rows} x {columns} cells: give one for each")]
    Cells {
        /// The figure's title.
        title: String,
        /// `values` or `words`.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// Rows of cells.
        rows: usize,
        /// Columns of cells.
        columns: usize,
    },
    /// A picture too large to hold.
    #[error(
        "figure \"{title}\" would be {width} x {height} pixels: at most {limit} a side; use fewer or smaller tiles"
    )]
    Size {
        /// The figure's title.
        title: String,
        /// Width in pixels.
        width: f64,
        /// Height in pixels.
        height: f64,
        /// Most pixels a side.
        limit: f64,
    },
    /// The embedded font could not be read: the binary was built from a damaged tree.
    #[error("the embedded font {0} cannot be read: restore assets/fonts and build again")]
    Font(&'static str),
    /// The drawing library failed.
    #[error("drawing \"{title}\" failed: {reason}; please report this with the data of the figure")]
    Draw {
        /// The figure's title.
        title: String,
        /// What the library said.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}; check that the folder exists, is writable and has space left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
