//! Self-organising maps: grids, neighbourhoods, the temperature's course, the SOM loss, the classic
//! online algorithm, and the quality of a map.

pub mod grid;
pub mod loss;
mod nearest;
pub mod neighbourhood;
pub mod online;
pub mod quality;
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
