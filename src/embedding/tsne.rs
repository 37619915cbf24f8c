//! t-SNE: points of many dimensions placed in two so that neighbours stay neighbours (van der Maaten
//! and Hinton, *Visualizing Data using t-SNE*, JMLR 2008).
//!
//! Semantics and defaults are those of scikit-learn's `TSNE`, so that published figures made with
//! it can be redrawn: affinities of the 3 x perplexity nearest neighbours (van der Maaten,
//! *Accelerating t-SNE using Tree-Based Algorithms*, JMLR 2014), early exaggeration, momentum and
//! gains, learning rate and stopping. What differs is the repulsion, interpolated on a grid instead
//! of summed over a tree, which is quicker and closer to the exact sum. Everything is computed in
//! f64, and the result is the same bits for any number of threads.

mod affinities;
mod attraction;
mod convolution;
mod descent;
mod grid;
mod initial;
mod neighbours;
mod repulsion;
mod splines;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::random::Seed;
use affinities::Affinities;
use attraction::{attraction, divergence};
use descent::Descent;
use repulsion::Repulsion;

/// Momentum while probabilities are exaggerated, and after.
const MOMENTUM: [f64; 2] = [0.5, 0.8];

/// Iterations between looks at divergence and gradient.
const CHECK_EVERY: usize = 50;

/// t-SNE settings. The default is scikit-learn's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tsne {
    /// The number of neighbours that count, softly: `2^H` of the entropy `H` in bits of the
    /// probabilities around each row.
    pub perplexity: f64,
    /// What probabilities are multiplied by at first, so that clusters form.
    pub early_exaggeration: f64,
    /// Iterations with exaggerated probabilities.
    pub exaggerated_iterations: usize,
    /// The size of a step.
    pub learning_rate: LearningRate,
    /// Iterations in all, at most.
    pub max_iterations: usize,
    /// A smaller norm of the gradient ends the descent.
    pub min_gradient_norm: f64,
    /// The descent ends when the divergence was lowest longer than this many iterations ago.
    pub patience: usize,
    /// Where points start.
    pub initial: Initial,
}

/// The size of a step of the descent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRate {
    /// `rows / early_exaggeration / 4`, at least 50 (Belkina et al., Nature Communications 2019).
    Auto,
    /// This.
    Fixed(f64),
}

/// Where points start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initial {
    /// At the first two principal components, scaled to a standard deviation of 1e-4 of the first.
    Pca,
    /// At normally distributed places, standard deviation 1e-4.
    Random(Seed),
    /// At these places, one per row, unscaled.
    Given(Vec<[f64; 2]>),
}

/// Points in two dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The place of each row.
    pub points: Vec<[f64; 2]>,
    /// The divergence of Kullback and Leibler from the rows' probabilities to the points', in nats.
    pub kl_divergence: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Why the descent ended.
    pub outcome: Outcome,
}

/// Why a descent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All iterations were done.
    MaxIterations,
    /// The gradient became small.
    SmallGradient,
    /// The divergence had not fallen for too long.
    NoProgress,
}

/// Where a fit is, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Iterations done; 0 once neighbours and affinities are known.
    pub iteration: usize,
    /// Iterations at most.
    pub max_iterations: usize,
    /// The divergence, every 50 iterations, from before the last step.
    pub kl_divergence: Option<f64>,
}

impl Default for Tsne {
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            early_exaggeration: 12.0,
            exaggerated_iterations: 250,
            learning_rate: LearningRate::Auto,
            max_iterations: 1000,
            min_gradient_norm: 1e-7,
            patience: 300,
            initial: Initial::Pca,
        }
    }
}

impl Tsne {
    /// Embeds the rows of `values`, a matrix of `columns` columns.
    ///
    /// Neighbours take time with the square of the rows; each iteration takes time with the rows
    /// and with the area that the points cover. Beside a copy of the
    /// values in f64 it needs about 5 kB per row at perplexity 30.
    ///
    /// # Errors
    /// For values that are no finite matrix, settings out of range, a perplexity too large for so
    /// few rows, rows that are all the same, and a descent that diverges.
    pub fn fit(
        &self,
        values: &[f32],
        columns: usize,
        threads: NonZeroUsize,
    ) -> Result<Embedding, Error> {
        self.fit_with(values, columns, threads, &mut |_| ControlFlow::Continue(()))
    }

    /// [`fit`](Self::fit), with `hook` called before the first iteration and after each.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and [`Error::Interrupted`] if `hook` breaks.
    pub fn fit_with(
        &self,
        values: &[f32],
        columns: usize,
        threads: NonZeroUsize,
        hook: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Embedding, Error> {
        let rows = self.check(values, columns)?;
        let centred = centred(values, columns);
        if centred
            .chunks_exact(columns)
            .all(|row| row == &centred[..columns])
        {
            return Err(Error::AllEqual { rows });
        }
        let start = match &self.initial {
            Initial::Pca => initial::principal(&centred, columns, threads),
            Initial::Random(seed) => initial::random(*seed, rows),
            Initial::Given(places) => places.clone(),
        };
        let count = ((3.0 * self.perplexity + 1.0) as usize).min(rows - 1);
        let neighbours = neighbours::nearest(&centred, columns, count, threads);
        let affinities = Affinities::new(&neighbours, self.perplexity, threads);
        drop((centred, neighbours));
        self.descend(&affinities, start, threads, hook)
    }

    /// Moves points from `start` until one of the reasons of [`Outcome`].
    fn descend(
        &self,
        affinities: &Affinities,
        start: Vec<[f64; 2]>,
        threads: NonZeroUsize,
        hook: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Embedding, Error> {
        let learning_rate = self.step_size(start.len());
        let mut report = |iteration, kl_divergence| {
            let progress = Progress {
                iteration,
                max_iterations: self.max_iterations,
                kl_divergence,
            };
            match hook(progress) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Error::Interrupted),
            }
        };
        let diverged = |iteration| Error::Diverged {
            iteration,
            rate: learning_rate,
        };
        report(0, None)?;

        let mut pull = vec![[0.0; 2]; start.len()];
        let mut push = Repulsion::default();
        let mut descent = Descent::new(start);
        let mut outcome = Outcome::MaxIterations;
        let mut iteration = 0;
        let mut lowest = (f64::INFINITY, 0);
        let mut exaggerated = self.exaggerated_iterations > 0;
        while iteration < self.max_iterations {
            attraction(affinities, &descent.points, threads, &mut pull);
            push.update(&descent.points, threads);
            iteration += 1;
            let kl_divergence = iteration
                .is_multiple_of(CHECK_EVERY)
                .then(|| divergence(affinities, &descent.points, push.normaliser, threads));

            let factor = if exaggerated {
                self.early_exaggeration
            } else {
                1.0
            };
            let forces = &push.forces;
            let gradient = |row: usize| {
                [0, 1].map(|axis| {
                    4.0 * (factor * pull[row][axis] - forces[row][axis] / push.normaliser)
                })
            };
            let momentum = MOMENTUM[usize::from(!exaggerated)];
            let norm = descent.step(gradient, momentum, learning_rate);
            // Points that are very far apart have no gradient left, but no finite divergence either.
            if !norm.is_finite() || kl_divergence.is_some_and(|kl| !kl.is_finite()) {
                return Err(diverged(iteration));
            }
            report(iteration, kl_divergence)?;

            let small = kl_divergence.is_some() && norm <= self.min_gradient_norm;
            if exaggerated {
                if small || iteration == self.exaggerated_iterations {
                    exaggerated = false;
                    descent.restart();
                }
                continue;
            }
            if let Some(divergence) = kl_divergence {
                if divergence < lowest.0 {
                    lowest = (divergence, iteration);
                } else if iteration - lowest.1 > self.patience {
                    outcome = Outcome::NoProgress;
                    break;
                }
            }
            if small {
                outcome = Outcome::SmallGradient;
                break;
            }
        }

        push.update(&descent.points, threads);
        let kl_divergence = divergence(affinities, &descent.points, push.normaliser, threads);
        if !kl_divergence.is_finite() {
            return Err(diverged(iteration));
        }
        Ok(Embedding {
            kl_divergence,
            points: descent.points,
            iterations: iteration,
            outcome,
        })
    }

    fn step_size(&self, rows: usize) -> f64 {
        match self.learning_rate {
            LearningRate::Auto => (rows as f64 / self.early_exaggeration / 4.0).max(50.0),
            LearningRate::Fixed(rate) => rate,
        }
    }

    /// Checks settings and data; returns the number of rows.
    fn check(&self, values: &[f32], columns: usize) -> Result<usize, Error> {
        let rate = match self.learning_rate {
            LearningRate::Auto => 1.0,
            LearningRate::Fixed(rate) => rate,
        };
        let settings = [
            (
                "perplexity",
                self.perplexity,
                self.perplexity >= 1.0,
                "a number of at least 1",
            ),
            (
                "early_exaggeration",
                self.early_exaggeration,
                self.early_exaggeration >= 1.0,
                "a number of at least 1",
            ),
            ("learning_rate", rate, rate > 0.0, "a number above 0"),
            (
                "min_gradient_norm",
                self.min_gradient_norm,
                self.min_gradient_norm >= 0.0,
                "a number of at least 0",
            ),
        ];
        for (name, value, holds, allowed) in settings {
            if !(holds && value.is_finite()) {
                return Err(Error::Setting {
                    name,
                    value,
                    allowed,
                });
            }
        }
        if columns == 0 || values.is_empty() || !values.len().is_multiple_of(columns) {
            return Err(Error::NotAMatrix {
                values: values.len(),
                columns,
            });
        }
        let rows = values.len() / columns;
        if u32::try_from(rows).is_err() {
            return Err(Error::TooManyRows {
                rows,
                limit: u32::MAX as usize,
            });
        }
        if let Some(row) = values
            .chunks_exact(columns)
            .position(|row| !row.iter().all(|v| v.is_finite()))
        {
            return Err(Error::NotFinite { name: "data", row });
        }
        let needed = (3.0 * self.perplexity).ceil() as usize;
        if rows <= needed {
            return Err(Error::TooFewRows {
                perplexity: self.perplexity,
                needed,
                rows,
            });
        }
        if let Initial::Given(places) = &self.initial {
            if places.len() != rows {
                return Err(Error::StartMismatch {
                    given: places.len(),
                    rows,
                });
            }
            if let Some(row) = places
                .iter()
                .position(|place| !place.iter().all(|v| v.is_finite()))
            {
                return Err(Error::NotFinite {
                    name: "starting places",
                    row,
                });
            }
        }
        Ok(rows)
    }
}

/// The values in f64, less the mean of their column: products of centred rows lose fewer digits.
fn centred(values: &[f32], columns: usize) -> Vec<f64> {
    let mut mean = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        for (mean, value) in mean.iter_mut().zip(row) {
            *mean += f64::from(*value);
        }
    }
    let rows = (values.len() / columns) as f64;
    for mean in &mut mean {
        *mean /= rows;
    }
    values
        .chunks_exact(columns)
        .flat_map(|row| {
            row.iter()
                .zip(&mean)
                .map(|(value, mean)| f64::from(*value) - mean)
        })
        .collect()
}

#[cfg(test)]
mod tests;
