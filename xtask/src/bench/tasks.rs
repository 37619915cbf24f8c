//! What is measured, and who takes part.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use super::contender::CommandLine;
use super::peers::Peers;

/// The tasks' names.
pub const IDS: [&str; 9] = [
    "iteration",
    "dec-pretraining",
    "dec-phase",
    "som-vae",
    "online-som",
    "products",
    "kmeans",
    "tsne",
    "memory",
];

/// Losses of contenders that compute the same differ by less than this, relatively: rounding of 32-bit floats over the
/// steps of the check.
pub const TOLERANCE: f64 = 1e-4;

/// Who takes part in a task.
#[derive(Debug)]
pub struct Entrant {
    /// What the table calls it.
    pub name: String,
    /// A command for each of its processes, or why there is none.
    pub commands: Result<Vec<CommandLine>, String>,
    /// What it is to the task.
    pub part: Part,
}

/// What an entrant is to its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Ours: the first of them is what ratios are to.
    Ours,
    /// Ours with rounded numbers: another computation, whose losses are not compared.
    Rounded,
    /// What ours is measured against.
    Peer,
    /// Shows what the machine can do: the first of them is the peak that shares are of.
    Yardstick,
}

/// Something to measure.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub id: &'static str,
    /// What a unit of work is.
    pub title: String,
    /// Everyone who takes part, in the order of the table.
    pub entrants: Vec<Entrant>,
    /// Rounds, where the task takes long; else as the options say.
    pub rounds: Option<usize>,
    /// Whether one round without a warm-up is enough.
    pub single: bool,
    /// Whether contenders show that they compute the same.
    pub checks: bool,
    /// How long one answer may take.
    pub patience: Duration,
}

/// What all tasks are made from.
#[derive(Debug)]
pub struct Setting<'a> {
    /// Our contender.
    pub ours: &'a Path,
    /// The peers, or why there are none.
    pub peers: &'a Result<Peers, String>,
    /// Where the shared data are.
    pub folder: &'a Path,
    /// Cores to use.
    pub threads: usize,
}

/// Every task.
pub fn all(setting: &Setting) -> Vec<Task> {
    vec![
        setting.iteration(),
        setting.dec(
            "dec-pretraining",
            "pretraining",
            "one step of DEC's pretraining by the recipe of DEC-keras: 784-500-500-2000-10 and its mirror image, batch \
             256, SGD",
        ),
        setting.dec(
            "dec-phase",
            "phase",
            "one step of DEC's KL phase: encoder and centroids, batch 256, SGD, a refresh of P over 17 500 rows every \
             35 steps (in earnest 70 000 every 140)",
        ),
        setting.som_vae(),
        setting.online_som(),
        setting.products(),
        setting.kmeans(),
        setting.tsne(),
        setting.memory(),
    ]
}

impl Setting<'_> {
    fn iteration(&self) -> Task {
        let n = self.threads;
        let mut entrants = Vec::new();
        for (workers, threads) in self.teams() {
            let arguments = ["iteration", &workers.to_string(), &threads.to_string()];
            let name = format!("ours, {}", team(workers, threads));
            entrants.push(self.ours(name, &arguments));
        }
        let fast = ["iteration", &n.to_string(), "1", "fast"];
        let name = format!("ours, {}, fast precision", team(n, 1));
        entrants.push(Entrant {
            part: Part::Rounded,
            ..self.ours(name, &fast)
        });
        let all = n.to_string();
        let fused = [all.as_str(), "--fused"];
        entrants.extend([
            self.peer("PyTorch as installed", "pytorch.py", &[&all], false, 1),
            self.peer(
                "PyTorch, fused Adam, MKL symbol",
                "pytorch.py",
                &fused,
                true,
                1,
            ),
        ]);
        if n > 1 {
            let name = format!("PyTorch, fused Adam, MKL symbol, {n} processes");
            entrants.push(self.peer(&name, "pytorch.py", &["1", "--fused"], true, n));
        }
        let on_batch = [all.as_str(), "--on-batch"];
        entrants.extend([
            self.peer(
                "Keras, the authors' loop",
                "keras_loop.py",
                &[&all],
                false,
                1,
            ),
            self.peer(
                "Keras, predict_on_batch",
                "keras_loop.py",
                &on_batch,
                false,
                1,
            ),
        ]);
        entrants.extend(self.yardsticks(Part::Yardstick));
        Task {
            title: "one DESOM training iteration of one model: 784-500-500-2000-10 and its mirror image, batch 256, \
                    8 x 8 map, Adam"
                .to_owned(),
            checks: true,
            ..task("iteration", entrants)
        }
    }

    fn dec(&self, id: &'static str, part: &str, title: &str) -> Task {
        let n = self.threads;
        let mut entrants = Vec::new();
        for (workers, threads) in self.teams() {
            let arguments = [id, &workers.to_string(), &threads.to_string()];
            let name = format!("ours, {}", team(workers, threads));
            entrants.push(self.ours(name, &arguments));
        }
        let fast = [id, &n.to_string(), "1", "fast"];
        let name = format!("ours, {}, fast precision", team(n, 1));
        entrants.push(Entrant {
            part: Part::Rounded,
            ..self.ours(name, &fast)
        });
        let all = n.to_string();
        let arguments = [all.as_str(), part];
        entrants.extend([
            self.peer("PyTorch as installed", "dec.py", &arguments, false, 1),
            self.peer("PyTorch, MKL symbol", "dec.py", &arguments, true, 1),
        ]);
        entrants.extend(self.yardsticks(Part::Yardstick));
        Task {
            title: title.to_owned(),
            checks: true,
            ..task(id, entrants)
        }
    }

    fn som_vae(&self) -> Task {
        let n = self.threads;
        let all = n.to_string();
        let name = format!("ours, {}", team(n, 1));
        let script = "som_vae.py";
        let mut entrants = vec![
            self.ours(name, &["som-vae", &all]),
            self.peer("PyTorch as installed", script, &[&all], false, 1),
        ];
        let tuned = "PyTorch, fused Adam, channels last, MKL symbol";
        entrants.push(self.peer(tuned, script, &[&all, "--tuned"], true, 1));
        if n > 1 {
            let name = format!("{tuned}, {n} processes");
            entrants.push(self.peer(&name, script, &["1", "--tuned"], true, n));
        }
        Task {
            title: "one training step of a SOM-VAE with its convolutions, 256 filters: batch 32, 8 x 8 map, Adam"
                .to_owned(),
            rounds: Some(3),
            checks: true,
            ..task("som-vae", entrants)
        }
    }

    fn online_som(&self) -> Task {
        let path = self.folder.join("pixels.npy").display().to_string();
        let arguments = [path.as_str(), "8"];
        let ours = [&["online-som"], arguments.as_slice()].concat();
        let entrants = vec![
            self.ours("ours, 1 thread".to_owned(), &ours),
            self.peer("MiniSom", "online_som.py", &arguments, false, 1),
        ];
        Task {
            title: "one update of the classic online SOM on 784 features, 8 x 8 map".to_owned(),
            checks: true,
            ..task("online-som", entrants)
        }
    }

    fn products(&self) -> Task {
        Task {
            title: "one product of 2048 x 2048 matrices of 32-bit floats".to_owned(),
            ..task("products", self.yardsticks(Part::Ours))
        }
    }

    fn kmeans(&self) -> Task {
        let path = self.folder.join("pixels.npy").display().to_string();
        let threads = self.threads.to_string();
        let arguments = [threads.as_str(), &path, "10", "10"];
        let ours = [&["kmeans"], arguments.as_slice()].concat();
        let entrants = vec![
            self.ours("ours".to_owned(), &ours),
            self.peer("scikit-learn KMeans", "kmeans.py", &arguments, false, 1),
        ];
        Task {
            title: "one k-means fit of 70 000 x 784: k 10, the best of 10 starts, greedy k-means++, tolerance 1e-4"
                .to_owned(),
            rounds: Some(3),
            patience: Duration::from_mins(10),
            ..task("kmeans", entrants)
        }
    }

    fn tsne(&self) -> Task {
        let path = self.folder.join("codes.npy").display().to_string();
        let arguments = [&self.threads.to_string(), path.as_str()];
        let ours = [&["tsne"], arguments.as_slice()].concat();
        let entrants = vec![
            self.ours("ours".to_owned(), &ours),
            self.peer(
                "scikit-learn TSNE, Barnes-Hut",
                "tsne.py",
                &arguments,
                false,
                1,
            ),
        ];
        Task {
            title: "one t-SNE of 10 000 codes of 10 features (their first principal components)"
                .to_owned(),
            rounds: Some(2),
            patience: Duration::from_mins(15),
            ..task("tsne", entrants)
        }
    }

    fn memory(&self) -> Task {
        let ours = ["memory", &self.threads.to_string()];
        Task {
            title: "one DESOM run on 70 000 x 784 with 20 iterations and the full evaluation"
                .to_owned(),
            single: true,
            patience: Duration::from_mins(5),
            ..task("memory", vec![self.ours("ours".to_owned(), &ours)])
        }
    }

    /// How the cores are divided among workers: one thread each, as the launcher has it, and all in one.
    fn teams(&self) -> Vec<(usize, usize)> {
        match self.threads {
            1 => vec![(1, 1)],
            n => vec![(n, 1), (1, n)],
        }
    }

    fn yardsticks(&self, part: Part) -> Vec<Entrant> {
        let teams = self.teams().into_iter();
        teams
            .map(|(workers, threads)| {
                let arguments = ["products", &workers.to_string(), &threads.to_string()];
                let name = format!("2048 x 2048 products, {}", team(workers, threads));
                Entrant {
                    part,
                    ..self.ours(name, &arguments)
                }
            })
            .collect()
    }

    fn ours(&self, name: String, arguments: &[&str]) -> Entrant {
        let words = [self.ours.as_os_str()]
            .into_iter()
            .chain(arguments.iter().map(OsStr::new));
        Entrant {
            name,
            commands: Ok(vec![CommandLine {
                words: words.map(OsStr::to_owned).collect(),
                variables: Vec::new(),
            }]),
            part: Part::Ours,
        }
    }

    /// A peer in so many processes.
    fn peer(
        &self,
        name: &str,
        script: &str,
        arguments: &[&str],
        mkl: bool,
        processes: usize,
    ) -> Entrant {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let commands = self.peers.as_ref().map_err(Clone::clone).map(|peers| {
            let command = peers.command(script, &arguments, mkl);
            vec![command; processes]
        });
        Entrant {
            name: name.to_owned(),
            commands,
            part: Part::Peer,
        }
    }
}

fn task(id: &'static str, entrants: Vec<Entrant>) -> Task {
    Task {
        id,
        title: String::new(),
        entrants,
        rounds: None,
        single: false,
        checks: false,
        patience: Duration::from_mins(2),
    }
}

fn team(workers: usize, threads: usize) -> String {
    let plural = |count: usize, word: &str| {
        let ending = if count == 1 { "" } else { "s" };
        format!("{count} {word}{ending}")
    };
    format!(
        "{} x {}",
        plural(workers, "worker"),
        plural(threads, "thread")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_task_has_ours_first_and_stands_without_peers() {
        let setting = Setting {
            ours: Path::new("/contender"),
            peers: &Err("left out".to_owned()),
            folder: Path::new("/data"),
            threads: 2,
        };
        let tasks = all(&setting);
        let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
        assert_eq!(ids, IDS);
        let iteration = &tasks[0];
        assert_eq!(iteration.entrants[0].name, "ours, 2 workers x 1 thread");
        let words = &iteration.entrants[0].commands.as_ref().unwrap()[0].words;
        assert_eq!(words[1..], ["iteration", "2", "1"]);
        let without = iteration
            .entrants
            .iter()
            .filter(|one| one.commands.is_err());
        assert_eq!(without.count(), 5);
        let last = iteration.entrants.last().unwrap();
        assert_eq!(last.part, Part::Yardstick);
    }

    #[test]
    fn one_core_makes_one_team() {
        let setting = Setting {
            ours: Path::new("/contender"),
            peers: &Err(String::new()),
            folder: Path::new("/data"),
            threads: 1,
        };
        assert_eq!(setting.teams(), [(1, 1)]);
        assert_eq!(team(1, 1), "1 worker x 1 thread");
    }
}
