//! Self-organising maps: grids, neighbourhoods, the temperature's course and the SOM loss.

pub mod grid;
pub mod loss;
mod nearest;
pub mod neighbourhood;
pub mod temperature;

pub use grid::{Grid, MapDistance};
pub use loss::SomLoss;
pub use nearest::nearest;
pub use neighbourhood::Neighbourhood;
pub use temperature::{Decay, Horizon, Temperature};
