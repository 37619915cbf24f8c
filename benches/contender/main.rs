//! Our side of `cargo xtask bench`: a program that is kept alive and does a round of its task each
//! time it is asked (see `protocol.rs`), so that ours and the peers are measured in turns.

#![allow(clippy::unwrap_used)]

mod data;
mod dec;
mod fixed;
mod iteration;
mod kmeans;
mod memory;
mod online_som;
mod products;
mod profile;
mod protocol;
mod som_vae;
mod team;
mod tsne;

use std::process::ExitCode;

use replicate::device;
use replicate::nn::Precision;

const USAGE: &str = "\
Our side of `cargo xtask bench`, which starts it as
  contender iteration WORKERS THREADS_EACH [fast]
  contender dec-pretraining|dec-phase WORKERS THREADS_EACH [fast]
  contender som-vae WORKERS
  contender online-som DATA.npy SIDE
  contender products WORKERS THREADS_EACH
  contender kmeans THREADS DATA.npy CLUSTERS RESTARTS
  contender tsne THREADS CODES.npy
  contender memory THREADS
and, to print or write something once, as
  contender data FOLDER
  contender profile WORKERS
";

fn main() -> ExitCode {
    device::prepare();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().unwrap();
    match arguments[..] {
        [
            task @ ("iteration" | "dec-pretraining" | "dec-phase"),
            workers,
            threads,
            ref precision @ ..,
        ] if matches!(precision, [] | ["fast"]) => {
            let (workers, threads) = (number(workers), number(threads));
            let precision = match precision {
                [] => Precision::Exact,
                _ => Precision::Fast,
            };
            match task {
                "dec-pretraining" => {
                    dec::compete(dec::Part::Pretraining, workers, threads, precision);
                }
                "dec-phase" => dec::compete(dec::Part::Phase, workers, threads, precision),
                _ => iteration::compete(workers, threads, precision),
            }
        }
        ["som-vae", workers] => som_vae::compete(number(workers)),
        ["online-som", path, side] => online_som::compete(path, number(side)),
        ["products", workers, threads] => products::compete(number(workers), number(threads)),
        ["kmeans", threads, path, clusters, restarts] => {
            kmeans::compete(number(threads), path, number(clusters), number(restarts));
        }
        ["tsne", threads, path] => tsne::compete(number(threads), path),
        ["memory", threads] => memory::compete(number(threads)),
        ["data", folder] => data::write(folder.as_ref()),
        ["profile", workers] => profile::print(number(workers)),
        // What `cargo bench` and `cargo test --benches` pass.
        ["--bench"] | [] => print!("{USAGE}"),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
