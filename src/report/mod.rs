//! Results as text: printed tables and CSV.

pub mod runs_csv;
pub mod table;

pub use table::Table;
