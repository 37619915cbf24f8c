//! The quality of a map: one metric a file, each with its definition, source, and direction.
//!
//! `x_i` are samples, `m_k` prototypes in the same space (that of the data or that of codes),
//! `d` Euclidean distances (not squared), `b_i` and `s_i` the best and the second-best matching unit of
//! a sample, and `delta` Manhattan distances on the grid; neighbours are one step apart. A [`MapView`]
//! holds all that; metrics are functions of it. [`evaluate`] computes them all, those over pairs of
//! samples in one pass.
//!
//! Metrics over pairs (Kruskal-Shepard, C measure, neighbourhood preservation, trustworthiness) are
//! exact up to a number of samples, then those of a seeded sample: see [`crate::distances`]. All others
//! take one pass over the data. On 256 samples of 10 numbers and 64 units, as in a batch of training,
//! making the view and taking quantization, topographic and combined error takes well under a
//! millisecond on one thread.

mod c_measure;
mod class_scatter;
mod combined;
mod distortion;
mod error;
mod kruskal_shepard;
mod neighbourhood_preservation;
mod pairs;
mod quantization;
mod ranks;
mod scores;
mod sharpness;
mod topographic_error;
mod topographic_function;
mod topographic_product;
mod trustworthiness;
mod view;

pub use c_measure::{CMeasure, c_measure};
pub use class_scatter::class_scatter_index;
pub use combined::combined_error;
pub use distortion::distortion;
pub use error::Error;
pub use kruskal_shepard::kruskal_shepard_error;
pub use neighbourhood_preservation::neighbourhood_preservation;
pub use quantization::quantization_error;
pub use scores::{CLASS_SCATTER, MAP, Options, Quality, SHARPNESS, evaluate};
pub use sharpness::sharpness_ratio;
pub use topographic_error::topographic_error;
pub use topographic_function::{TopographicFunction, topographic_function};
pub use topographic_product::topographic_product;
pub use trustworthiness::trustworthiness;
pub use view::MapView;

#[cfg(test)]
mod tests;
