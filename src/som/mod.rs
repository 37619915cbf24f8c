//! Self-organising maps: grids, neighbourhoods, the temperature's course, the SOM loss, and the classic
//! online algorithm.

pub mod grid;
pub mod loss;
mod nearest;
pub mod neighbourhood;
pub mod online;
pub mod temperature;
mod umatrix;
pub mod winners;

pub use grid::{Grid, MapDistance};
pub use loss::SomLoss;
pub use nearest::nearest;
pub use neighbourhood::Neighbourhood;
pub use online::OnlineSom;
pub use temperature::{Decay, Horizon, Temperature};
pub use umatrix::umatrix;
pub use winners::Search;
