//! Repulsion through a grid: linear in the points, whatever their number.
//!
//! Each point's unit charge is spread over the nodes around it, the grid is convolved with the
//! kernel, and potential and force are read off the result, as in particle-mesh Ewald summation
//! (Essmann et al., *A smooth particle mesh Ewald method*, J. Chem. Phys. 1995). FIt-SNE (Linderman
//! et al., Nature Methods 2019) brought grids to t-SNE; it interpolates four sums. One is enough:
//! forces are the potential's gradient, and splines have gradients.

use std::num::NonZeroUsize;

use super::convolution::{Convolution, MARGIN, quick_size};
use super::splines::{ORDER, Weights};
use crate::shares::share;

/// Distance between nodes. The kernel is one unit wide in every embedding, so one value fits all.
/// On 10 000 codes of MNIST 1/2 ends at a divergence of 1.761, 1/3 at 1.720 and 1/4, in half as
/// much time again, at 1.717; tests state the errors of single forces.
const SPACING: f64 = 1.0 / 3.0;

/// Nodes along one side of the padded grid at most: about 0.25 GB for grid, spectra and kernel.
const LARGEST: usize = 4096;

/// Where a point's charge goes.
#[derive(Debug, Clone, Copy, Default)]
struct Footprint {
    row: usize,
    column: usize,
    /// Splines along the rows' axis.
    down: Weights,
    /// Splines along the columns' axis.
    across: Weights,
}

/// The grid, fitted anew to the points in each iteration; its buffers are kept.
#[derive(Default)]
pub(super) struct Grid {
    convolution: Option<Convolution>,
    footprints: Vec<Footprint>,
    /// Points ordered by the first row that they touch, and in their own order within.
    order: Vec<u32>,
    /// Where in `order` each row's points begin.
    begins: Vec<usize>,
    field: Vec<f64>,
}

impl Grid {
    /// Repulsion of all points; `None` if they lie too far apart for a grid to hold them.
    pub fn repulsion(
        &mut self,
        points: &[[f64; 2]],
        threads: NonZeroUsize,
        forces: &mut [[f64; 3]],
    ) -> Option<()> {
        let (origin, extent) = frame(points)?;
        let cells = extent / SPACING;
        if cells >= (LARGEST / 2 - MARGIN) as f64 {
            return None;
        }
        let padded = quick_size(2 * (cells as usize + MARGIN));
        let convolution = match &mut self.convolution {
            Some(convolution) if convolution.nodes * 2 == padded => convolution,
            other => other.insert(Convolution::new(padded, SPACING, threads)),
        };
        let nodes = convolution.nodes;

        self.footprints.resize(points.len(), Footprint::default());
        share(threads, &mut self.footprints, 1, |first, part| {
            for (footprint, point) in part.iter_mut().zip(&points[first..]) {
                let (row, down) = locate(point[0] - origin[0]);
                let (column, across) = locate(point[1] - origin[1]);
                *footprint = Footprint {
                    row,
                    column,
                    down,
                    across,
                };
            }
        });
        sort_by_row(&self.footprints, nodes, &mut self.order, &mut self.begins);

        let (footprints, order, begins) = (&self.footprints, &self.order, &self.begins);
        let charge = |row: usize, line: &mut [f64]| {
            let earliest = row.saturating_sub(ORDER - 1);
            for &point in &order[begins[earliest]..begins[row + 1]] {
                let footprint = &footprints[point as usize];
                let weight = footprint.down.value[row - footprint.row];
                let touched = &mut line[footprint.column..footprint.column + ORDER];
                for (node, across) in touched.iter_mut().zip(&footprint.across.value) {
                    *node += weight * across;
                }
            }
        };
        self.field.resize(nodes * nodes, 0.0);
        convolution.apply(threads, charge, &mut self.field);

        let field = &self.field;
        share(threads, forces, 1, |first, part| {
            for (force, footprint) in part.iter_mut().zip(&footprints[first..]) {
                *force = read(field, nodes, footprint);
            }
        });
        Some(())
    }
}

/// The lower left corner of a square around all points, and its side; `None` if that is not finite.
fn frame(points: &[[f64; 2]]) -> Option<([f64; 2], f64)> {
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for point in points {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let extent = (high[0] - low[0]).max(high[1] - low[1]);
    extent.is_finite().then_some((low, extent))
}

/// The first node that a point at `offset` from the corner touches, and its splines. The corner
/// itself lies one node inside the margin.
fn locate(offset: f64) -> (usize, Weights) {
    let position = offset / SPACING;
    let cell = position.floor();
    (cell as usize + 1, Weights::at(position - cell))
}

/// Sorts points by their first row: fills `order`, and `begins` for `rows` rows and the end.
fn sort_by_row(
    footprints: &[Footprint],
    rows: usize,
    order: &mut Vec<u32>,
    begins: &mut Vec<usize>,
) {
    begins.clear();
    begins.resize(rows + 1, 0);
    for footprint in footprints {
        begins[footprint.row + 1] += 1;
    }
    for row in 0..rows {
        begins[row + 1] += begins[row];
    }
    order.resize(footprints.len(), 0);
    let mut next = begins.clone();
    for (point, footprint) in footprints.iter().enumerate() {
        order[next[footprint.row]] = point as u32;
        next[footprint.row] += 1;
    }
}

/// Potential and force at a point: `phi` and `-1/2` of its gradient, because
/// `d/dy 1 / (1 + |y|^2) = -2 y / (1 + |y|^2)^2`.
fn read(field: &[f64], nodes: usize, footprint: &Footprint) -> [f64; 3] {
    let (mut potential, mut down, mut across) = (0.0, 0.0, 0.0);
    for step in 0..ORDER {
        let start = (footprint.row + step) * nodes + footprint.column;
        let line = &field[start..start + ORDER];
        let (mut value, mut slope) = (0.0, 0.0);
        let splines = footprint.across.value.iter().zip(&footprint.across.slope);
        for (node, (spline, derivative)) in line.iter().zip(splines) {
            value += node * spline;
            slope += node * derivative;
        }
        potential += footprint.down.value[step] * value;
        down += footprint.down.slope[step] * value;
        across += footprint.down.value[step] * slope;
    }
    let scale = -0.5 / SPACING;
    [scale * down, scale * across, potential]
}
