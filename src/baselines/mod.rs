//! What papers compare their methods with.

pub mod kmeans;

pub use kmeans::{KMeansBaseline, KMeansSettings};
