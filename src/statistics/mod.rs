//! Statistics of a few runs: intervals, tests, effects, resampling, power. It knows nothing of papers,
//! claims or files.
//!
//! A run (variant x seed) is the unit of everything here. Samples are small (5 to 50), often skewed,
//! and now and then a mixture of good runs and collapsed ones. What holds then, and what no test can
//! promise, is in [`closeness`]; `simulation` in this folder measures it.
//!
//! Distributions come from `statrs`. Whatever draws random numbers takes a generator, so the same
//! stream gives the same result.

pub mod bootstrap;
pub mod closeness;
pub mod difference;
pub mod distributions;
pub mod effect;
mod holm;
mod interval;
mod kendall;
mod moments;
pub mod paired;
pub mod power;
mod prediction;
mod proportion;
mod rounding;
#[cfg(test)]
mod simulation;
mod trimmed;
mod unseen;

pub use closeness::{Closeness, Decision, Side};
pub use difference::Difference;
pub use holm::holm;
pub use interval::Interval;
pub use kendall::kendall;
pub use moments::Moments;
pub use paired::SignFlip;
pub use prediction::prediction;
pub use proportion::{clopper_pearson, p_share_greater, p_share_less, upper_share};
pub use rounding::minus;
pub use trimmed::trimmed;
pub use unseen::unseen_failures;
