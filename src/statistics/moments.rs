//! Mean, spread and size of a sample.

use serde::Serialize;

use super::minus;

/// What a paper prints of its runs, and what is computed of ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n - 1).
    pub sd: f64,
    /// Number of runs.
    pub n: u32,
}

impl Moments {
    /// Of a sample; `None` with fewer than two values, whose spread is unknown.
    #[must_use]
    pub fn of(sample: &[f64]) -> Option<Self> {
        let n = u32::try_from(sample.len()).ok().filter(|&n| n > 1)?;
        let first = sample[0];
        if sample.iter().all(|&value| minus(value, first) == 0.0) {
            // A sum would add what rounding leaves, and that would pass for a spread.
            return Some(Self {
                mean: first,
                sd: 0.0,
                n,
            });
        }
        let mean = sample.iter().sum::<f64>() / f64::from(n);
        let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            mean,
            sd: (squares / f64::from(n - 1)).sqrt(),
            n,
        })
    }

    /// Squared standard error of the mean.
    #[must_use]
    pub fn squared_error(&self) -> f64 {
        self.sd.powi(2) / f64::from(self.n)
    }
}
