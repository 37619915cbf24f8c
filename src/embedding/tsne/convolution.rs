//! Convolution of a grid with the Student kernel by fast Fourier transforms.
//!
//! Grids are padded with zeros to twice their size, so that nothing wraps around. Half of each
//! transform is then of zeros or not wanted; rows and columns that are only that are left out.

use std::num::NonZeroUsize;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

use super::splines::{REACH, sampled_spectrum};
use crate::shares::share;

/// Columns transformed at a time: those of one cache line, so that each line is read once.
const BLOCK: usize = 4;

/// The convolution of square grids of one size with `1 / (1 + |r|^2)`, on both sides divided by the
/// splines' own spectrum.
pub(super) struct Convolution {
    /// Nodes along one side of the grid.
    pub nodes: usize,
    /// Nodes along one side of the padded grid.
    padded: usize,
    /// The kernel's spectrum, real because the kernel is even. `padded / 2 + 1` squared: the rest
    /// mirrors it.
    kernel: Vec<f64>,
    forward: Arc<dyn RealToComplex<f64>>,
    backward: Arc<dyn ComplexToReal<f64>>,
    down: Arc<dyn Fft<f64>>,
    up: Arc<dyn Fft<f64>>,
    /// Spectra of the rows, `[nodes, padded / 2 + 1]`.
    rows: Vec<Complex64>,
    /// What is left of the columns, `[padded / 2 + 1, nodes]`.
    columns: Vec<Complex64>,
}

/// The smallest size for a padded grid of at least `least` nodes: even, and a product of small
/// primes, for which transforms are quick.
pub(super) fn quick_size(least: usize) -> usize {
    let mut size = least.next_multiple_of(2).max(4);
    while !is_quick(size) {
        size += 2;
    }
    size
}

fn is_quick(mut size: usize) -> bool {
    for prime in [2, 3, 5] {
        while size.is_multiple_of(prime) {
            size /= prime;
        }
    }
    size == 1
}

impl Convolution {
    /// A convolution of grids whose padded side is `padded`, with `spacing` between nodes.
    pub fn new(padded: usize, spacing: f64, threads: NonZeroUsize) -> Self {
        let nodes = padded / 2;
        let half = padded / 2 + 1;
        let mut real = RealFftPlanner::new();
        let mut complex = FftPlanner::new();
        let mut convolution = Self {
            nodes,
            padded,
            kernel: Vec::new(),
            forward: real.plan_fft_forward(padded),
            backward: real.plan_fft_inverse(padded),
            down: complex.plan_fft_forward(padded),
            up: complex.plan_fft_inverse(padded),
            rows: vec![Complex64::default(); nodes * half],
            columns: vec![Complex64::default(); half * nodes],
        };
        convolution.kernel = convolution.kernel_spectrum(spacing, threads);
        convolution
    }

    /// The kernel at the distances of the periodic grid, transformed along both axes. Even along
    /// each, it needs only a quarter of the grid, and its spectrum is real.
    fn kernel_spectrum(&self, spacing: f64, threads: NonZeroUsize) -> Vec<f64> {
        let (padded, half) = (self.padded, self.padded / 2 + 1);
        let filter: Vec<f64> = (0..half)
            .map(|index| sampled_spectrum(index, padded).powi(2) * padded as f64)
            .collect();
        let even_transform = |lines: &mut [f64], fill: &(dyn Fn(usize, usize) -> f64 + Sync)| {
            share(threads, lines, half, |first, part| {
                let mut input = self.forward.make_input_vec();
                let mut output = self.forward.make_output_vec();
                let mut scratch = self.forward.make_scratch_vec();
                for (number, line) in part.chunks_exact_mut(half).enumerate() {
                    for (at, value) in input.iter_mut().enumerate() {
                        *value = fill(first + number, at.min(padded - at));
                    }
                    transform(&*self.forward, &mut input, &mut output, &mut scratch);
                    for (value, spectrum) in line.iter_mut().zip(&output) {
                        *value = spectrum.re;
                    }
                }
            });
        };
        let square = |steps: usize| (steps as f64 * spacing).powi(2);
        let mut lines = vec![0.0; half * half];
        even_transform(&mut lines, &|row, column| {
            1.0 / (1.0 + square(row) + square(column))
        });
        let mut kernel = vec![0.0; half * half];
        even_transform(&mut kernel, &|row, column| lines[column * half + row]);
        for (row, line) in kernel.chunks_exact_mut(half).enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value /= filter[row] * filter[column];
            }
        }
        kernel
    }

    /// Fills `field`, `[nodes, nodes]`, with the convolution of a grid whose row `r` is what
    /// `charge(r, row)` adds to a row of zeros.
    pub fn apply(
        &mut self,
        threads: NonZeroUsize,
        charge: impl Fn(usize, &mut [f64]) + Sync,
        field: &mut [f64],
    ) {
        let (nodes, padded, half) = (self.nodes, self.padded, self.padded / 2 + 1);
        let Self {
            kernel,
            forward,
            backward,
            down,
            up,
            rows,
            columns,
            ..
        } = self;

        share(threads, rows, half, |first, part| {
            let mut input = forward.make_input_vec();
            let mut scratch = forward.make_scratch_vec();
            for (number, spectrum) in part.chunks_exact_mut(half).enumerate() {
                input.fill(0.0);
                charge(first + number, &mut input[..nodes]);
                transform(&**forward, &mut input, spectrum, &mut scratch);
            }
        });

        let rows = &*rows;
        share(threads, columns, BLOCK * nodes, |first, part| {
            let mut block = vec![Complex64::default(); BLOCK * padded];
            let scratch_length = down
                .get_inplace_scratch_len()
                .max(up.get_inplace_scratch_len());
            let mut scratch = vec![Complex64::default(); scratch_length];
            for (number, out) in part.chunks_mut(BLOCK * nodes).enumerate() {
                let start = (first + number) * BLOCK;
                let width = out.len() / nodes;
                let block = &mut block[..width * padded];
                for (row, spectrum) in rows.chunks_exact(half).enumerate() {
                    for (column, value) in spectrum[start..start + width].iter().enumerate() {
                        block[column * padded + row] = *value;
                    }
                }
                for column in block.chunks_exact_mut(padded) {
                    column[nodes..].fill(Complex64::default());
                }
                down.process_with_scratch(block, &mut scratch);
                for (column, values) in block.chunks_exact_mut(padded).enumerate() {
                    let kernel = &kernel[(start + column) * half..][..half];
                    let (near, far) = values.split_at_mut(half);
                    for (value, factor) in near.iter_mut().zip(kernel) {
                        *value *= factor;
                    }
                    for (value, factor) in far.iter_mut().zip(kernel[1..].iter().rev().skip(1)) {
                        *value *= factor;
                    }
                }
                up.process_with_scratch(block, &mut scratch);
                for (out, column) in out.chunks_exact_mut(nodes).zip(block.chunks_exact(padded)) {
                    out.copy_from_slice(&column[..nodes]);
                }
            }
        });

        let columns = &*columns;
        share(threads, field, BLOCK * nodes, |first, part| {
            let mut block = vec![Complex64::default(); BLOCK * half];
            let mut output = backward.make_output_vec();
            let mut scratch = backward.make_scratch_vec();
            for (number, out) in part.chunks_mut(BLOCK * nodes).enumerate() {
                let start = (first + number) * BLOCK;
                let height = out.len() / nodes;
                for (column, values) in columns.chunks_exact(nodes).enumerate() {
                    for (row, value) in values[start..start + height].iter().enumerate() {
                        block[row * half + column] = *value;
                    }
                }
                for (out, spectrum) in out
                    .chunks_exact_mut(nodes)
                    .zip(block.chunks_exact_mut(half))
                {
                    // Rounding leaves traces there, where a real signal has none.
                    spectrum[0].im = 0.0;
                    spectrum[half - 1].im = 0.0;
                    let done = backward.process_with_scratch(spectrum, &mut output, &mut scratch);
                    debug_assert!(done.is_ok(), "the buffers have the lengths of the plan");
                    out.copy_from_slice(&output[..nodes]);
                }
            }
        });
    }
}

/// A forward transform; `input` is used up.
fn transform(
    plan: &dyn RealToComplex<f64>,
    input: &mut [f64],
    output: &mut [Complex64],
    scratch: &mut [Complex64],
) {
    let done = plan.process_with_scratch(input, output, scratch);
    debug_assert!(done.is_ok(), "the buffers have the lengths of the plan");
}

/// How many nodes a grid needs beside those between its outermost points.
pub(super) const MARGIN: usize = 2 * (REACH + 2);
