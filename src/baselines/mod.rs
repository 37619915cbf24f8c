//! What papers compare with.

pub mod kerasom;
pub mod kmeans;
pub mod minisom;
pub mod somvae;
mod space;

pub use kerasom::{Kerasom, KerasomSettings};
pub use kmeans::{KMeansBaseline, KMeansSettings};
pub use minisom::{MiniSom, MiniSomSettings};
pub use somvae::{SomVaeArchitecture, SomVaeMethod, SomVaeSettings};
