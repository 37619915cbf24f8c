//! Bad input: whatever bytes a file has, reading it ends in a value or in an error that names the
//! file and the place, without a panic and within a bound on memory.
//!
//! Each parser is given mutations of good files. `REPLICATE_MUTATIONS=N` sets how many (by itself
//! 100 000 each in release, 10 000 in debug builds); `REPLICATE_MUTATION_SEED=N` repeats one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod allocator;
mod campaign;
mod mutation;
mod round_trips;

mod archives;
mod data_sets;
mod own_data;
mod stored_runs;
