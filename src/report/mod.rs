//! Results as text: printed tables and CSV.

pub mod comparison;
pub mod runs_csv;
pub mod table;

pub use comparison::{Comparison, Endings};
pub use table::Table;
