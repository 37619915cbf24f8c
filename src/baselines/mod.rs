//! What papers compare with.

pub mod kerasom;
pub mod kmeans;
pub mod minisom;
mod space;

pub use kerasom::{Kerasom, KerasomSettings};
pub use kmeans::{KMeansBaseline, KMeansSettings};
pub use minisom::{MiniSom, MiniSomSettings};
