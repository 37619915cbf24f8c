//! Workers that wait for rounds: threads of one process, each with its share of libtorch's threads,
//! as the launcher starts them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

/// Threads that do the same work at the same time.
pub struct Team {
    starts: Vec<Sender<()>>,
    seconds: Receiver<f64>,
}

impl Team {
    /// Starts `workers` workers of `threads_each` threads; each makes its own state with `prepare`
    /// and does one round of `work` to warm up.
    pub fn new<T>(
        workers: usize,
        threads_each: usize,
        prepare: impl Fn() -> T + Send + Clone + 'static,
        work: impl Fn(&mut T) + Send + Clone + 'static,
    ) -> Self {
        let barrier = Arc::new(Barrier::new(workers));
        let (done, seconds) = channel();
        let starts = (0..workers).map(|_| {
            let (start, started) = channel();
            let (prepare, work) = (prepare.clone(), work.clone());
            let (barrier, done) = (Arc::clone(&barrier), done.clone());
            thread::spawn(move || {
                tch::set_num_threads(threads_each.try_into().unwrap());
                let _no_graph = tch::no_grad_guard();
                let mut state = prepare();
                for () in started {
                    barrier.wait();
                    let clock = Instant::now();
                    work(&mut state);
                    done.send(clock.elapsed().as_secs_f64()).unwrap();
                }
            });
            start
        });
        let team = Self {
            starts: starts.collect(),
            seconds,
        };
        team.round();
        team
    }

    /// One round of all workers: the seconds of the slowest.
    pub fn round(&self) -> f64 {
        for start in &self.starts {
            start.send(()).unwrap();
        }
        let seconds = self.seconds.iter().take(self.starts.len());
        seconds.fold(0.0, f64::max)
    }
}
