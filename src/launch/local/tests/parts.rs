//! What several runs begin with: trained once, waited for, resumed, repaired, refused by the disk.

mod cohorts;

use std::collections::HashMap;

use super::*;
use crate::launch::calibrate;
use crate::runs::audit;
use crate::runs::part::PartFolder;
use crate::train::{Need, Part, gather, stored_parts};

/// How often each part was trained, by its settings' name: every test has names of its own.
static TRAINED: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

fn times_trained(name: &str) -> usize {
    let trained = locked(&TRAINED);
    let known = trained.as_ref().and_then(|trained| trained.get(name));
    known.copied().unwrap_or(0)
}

/// A walk to begin with, of settings `{"name": .., "pause": ms of each step, "diverges": bool}`.
struct Start;

impl Part for Start {
    fn id(&self) -> &'static str {
        "start"
    }

    fn label(&self) -> &'static str {
        "starting"
    }

    fn version(&self) -> u32 {
        1
    }

    fn calibrate(&self, _: &Value, _: &Trial) -> Result<Work, train::Error> {
        Ok(Work {
            iterations: ITERATIONS,
            per_iteration: Duration::from_secs(10),
            fixed: Duration::ZERO,
        })
    }

    fn train(
        &self,
        cohort: &[Member],
        context: &Context,
    ) -> Result<Option<Vec<Finished>>, train::Error> {
        let settings = &cohort[0].settings;
        let walks = cohort.iter().map(|member| Walk {
            seed: 100.0 + member.seed.0 as f32,
            at: Tensor::zeros([100], (Kind::Float, Device::Cpu)),
        });
        let mut walks = Slow {
            walks: walks.collect(),
            pause: Duration::from_millis(settings["pause"].as_u64().unwrap_or(0)),
        };
        let Driven::Finished(progress) = drive(&mut walks, cohort, context)? else {
            return Ok(None);
        };
        let name = settings["name"].as_str().unwrap().to_owned();
        *locked(&TRAINED)
            .get_or_insert_default()
            .entry(name)
            .or_default() += cohort.len();
        let diverges = settings["diverges"] == true;
        let parts = progress.into_iter().zip(&walks.walks);
        let parts = parts.map(|(progress, walk)| Finished {
            outcome: if diverges {
                Outcome::Diverged { iteration: 3 }
            } else {
                Outcome::Completed
            },
            metrics: BTreeMap::new(),
            curves: progress.curves,
            weights: if diverges { Vec::new() } else { walk.state(0) },
            training: progress.elapsed,
            evaluation: Duration::ZERO,
            resumed: progress.resumed,
            makers: progress.makers,
        });
        Ok(Some(parts.collect()))
    }
}

/// Walks that take their time.
struct Slow {
    walks: Vec<Walk>,
    pause: Duration,
}

impl Trainable for Slow {
    fn iterations(&self) -> u64 {
        ITERATIONS
    }

    fn step(&mut self, iteration: u64) -> Result<(), train::Error> {
        std::thread::sleep(self.pause);
        self.walks
            .iter_mut()
            .try_for_each(|walk| walk.step(iteration))
    }

    fn losses(&self) -> Vec<(&'static str, Vec<f64>)> {
        let at = self.walks.iter().map(|walk| walk.losses()[0].1[0]);
        vec![("at", at.collect())]
    }

    fn state(&self, model: usize) -> Vec<(String, Tensor)> {
        self.walks[model].state(0)
    }

    fn restore(&mut self, model: usize, at: u64, state: &Named) -> Result<(), String> {
        self.walks[model].restore(0, at, state)
    }
}

/// Adds its factor to what it begins with: `{"start": .., "factor": ..}`.
struct Ends;

impl Method for Ends {
    fn id(&self) -> &'static str {
        "ends"
    }

    fn version(&self) -> u32 {
        1
    }

    fn shape(&self, _: &Value) -> Result<Option<String>, train::Error> {
        Ok(Some("end".to_owned()))
    }

    fn can_round(&self) -> bool {
        false
    }

    fn needs(&self, settings: &Value) -> Result<Vec<Need>, train::Error> {
        Ok(vec![Need {
            part: &Start,
            settings: settings["start"].clone(),
            seed: settings["start"]["seed"].as_u64().map(Seed),
        }])
    }

    fn calibrate(&self, _: &Value, _: &Trial) -> Result<Work, train::Error> {
        Ok(Work {
            iterations: 1,
            per_iteration: Duration::from_secs(1),
            fixed: Duration::ZERO,
        })
    }

    fn run(&self, cohort: &[Member], context: &Context) -> Result<Option<Runs>, train::Error> {
        let need = &self.needs(&cohort[0].settings)?[0];
        let Some(gathered) = gather(need, cohort, 0.5, context)? else {
            return Ok(None);
        };
        let runs = cohort.iter().zip(gathered.parts).map(|(member, part)| {
            let mut run = Finished {
                outcome: Outcome::Diverged { iteration: 0 },
                metrics: BTreeMap::new(),
                curves: crate::runs::record::Curves::default(),
                weights: Vec::new(),
                training: Duration::ZERO,
                evaluation: Duration::ZERO,
                resumed: 0,
                makers: Vec::new(),
            };
            if part.outcome == Outcome::Completed {
                run.outcome = Outcome::Completed;
                let begun = f64::from(slice(&part.weights["at"])[0]);
                let factor = member.settings["factor"].as_f64().unwrap();
                run.metrics.insert("at".to_owned(), begun + factor);
            }
            Ok(run)
        });
        Ok(Some(runs.collect()))
    }
}

fn end(store: &Store, start: &Value, factor: u64, seed: u64) -> Task {
    let mut task = task(store, seed);
    task.run.identity.method = "ends".to_owned();
    task.run.identity.settings = json!({"start": start, "factor": factor});
    task.run.key = task.run.identity.key();
    task.run.reason = store
        .reason(&task.run.identity, &std::collections::HashMap::new(), 1)
        .unwrap();
    task.method = &Ends;
    task
}

fn place(store: &Store, start: &Value, seed: u64) -> PartFolder {
    let task = end(store, start, 0, seed);
    let need = &Ends.needs(&task.run.identity.settings).unwrap()[0];
    PartFolder::new(store, stored_parts::identity(need, &task.run.identity))
}

fn folder(place: &PartFolder) -> std::path::PathBuf {
    place.weights().parent().unwrap().to_owned()
}

fn value(store: &Store, task: &Task) -> Option<f64> {
    store.record(&task.run.key).unwrap().unwrap().metric("at")
}

/// The bytes of a part's weights when nothing has happened to it.
fn undisturbed(name: &str) -> Vec<u8> {
    let sandbox = Sandbox::new();
    let start = json!({"name": name});
    run_tasks(
        &sandbox.store,
        vec![end(&sandbox.store, &start, 0, 0)],
        Device::Cpu,
    );
    fs::read(place(&sandbox.store, &start, 0).weights()).unwrap()
}

#[test]
fn runs_that_begin_alike_share_what_they_begin_with() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "shared"});
    let tasks: Vec<Task> = [(1, 0), (2, 0), (1, 1)]
        .map(|(factor, seed)| end(store, &start, factor, seed))
        .into();
    let report = run_tasks(store, tasks.clone(), Device::Cpu);
    assert_eq!((report.finished, report.failures.len()), (3, 0));
    // One for each seed.
    assert_eq!(times_trained("shared"), 2);
    let values: Vec<f64> = tasks
        .iter()
        .map(|task| value(store, task).unwrap())
        .collect();
    assert!((values[1] - values[0] - 1.0).abs() < 1e-9, "{values:?}");
    assert!((values[2] - values[0]).abs() > 1.0, "{values:?}");
    // What they say of it is what lies there.
    let record = store.record(&tasks[0].run.key).unwrap().unwrap();
    let part = place(store, &start, 0).record().unwrap().unwrap();
    assert_eq!(record.parts, [part.to_use()]);
    assert_eq!(part.curves.iteration.len() as u64, ITERATIONS);
    let names = names(&folder(&place(store, &start, 0)));
    assert_eq!(names, ["lock", "part.json", "weights.safetensors"]);
    let found = audit::audit(store).unwrap();
    assert_eq!(
        (found.sound, found.parts.sound, found.findings.len()),
        (3, 2, 0)
    );
    // It is there when another run comes that needs it.
    let later = end(store, &start, 9, 1);
    run_tasks(store, vec![later], Device::Cpu);
    assert_eq!(times_trained("shared"), 2);
    // Without one, a record says nothing of parts: those of before keep their bytes.
    run(store);
    let record = store.record(&task(store, 0).run.key).unwrap().unwrap();
    assert!(!serde_json::to_string(&record).unwrap().contains("parts"));
}

#[test]
fn all_seeds_can_begin_with_one() {
    let start = json!({"name": "of one seed", "seed": 7});
    // One after the other on a CPU, as a cohort elsewhere.
    for (turn, device) in [Device::Cpu, Device::Cuda(0)].into_iter().enumerate() {
        let sandbox = Sandbox::new();
        let store = &sandbox.store;
        let tasks = [0, 1, 2].map(|seed| end(store, &start, 0, seed));
        let report = run_tasks(store, tasks.to_vec(), device);
        assert_eq!((report.finished, report.failures.len()), (3, 0));
        assert_eq!(times_trained("of one seed"), turn + 1);
        let part = place(store, &start, 3).record().unwrap().unwrap();
        assert_eq!(part.identity.seed, Seed(7));
        for task in &tasks {
            let record = store.record(&task.run.key).unwrap().unwrap();
            assert_eq!(record.parts, [part.to_use()]);
            assert_eq!(value(store, task), value(store, &tasks[0]));
        }
        let found = audit::audit(store).unwrap();
        assert_eq!((found.parts.sound, found.findings.len()), (1, 0));
    }
}

#[test]
fn of_two_who_need_it_at_once_one_trains_and_the_other_waits() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);
    impl Observer for Heard {
        fn notify(&self, event: &Event) {
            if let Event::Advanced { detail, .. } = event {
                locked(&self.0).push((*detail).to_owned());
            }
        }
    }
    // As two workers, and as two processes would: each launcher opens the lock by itself.
    for launchers in [1, 2] {
        let sandbox = Sandbox::new();
        let store = &sandbox.store;
        let name = format!("at once {launchers}");
        let start = json!({"name": name, "pause": 30});
        let tasks = [1, 2].map(|factor| end(store, &start, factor, 0));
        let heard = Heard::default();
        std::thread::scope(|scope| {
            let queues: Vec<Vec<Task>> = match launchers {
                1 => vec![tasks.to_vec()],
                _ => tasks.iter().map(|task| vec![task.clone()]).collect(),
            };
            let heard = &heard;
            for queue in queues {
                scope.spawn(move || {
                    let go_on = AtomicBool::new(false);
                    let report = run_with(store, queue, Device::Cpu, heard, 2, &go_on);
                    assert!(report.failures.is_empty(), "{report:?}");
                });
            }
        });
        assert_eq!(times_trained(&name), 1);
        let gap = value(store, &tasks[1]).unwrap() - value(store, &tasks[0]).unwrap();
        assert!((gap - 1.0).abs() < 1e-9);
        let heard = locked(&heard.0);
        assert!(
            heard
                .iter()
                .any(|detail| detail.starts_with("starting of seed 0: waiting, done by ")),
            "{heard:?}"
        );
        assert!(
            heard
                .iter()
                .any(|detail| detail.starts_with("starting 6/6")),
            "{heard:?}"
        );
    }
}

/// What was taken up, in order; something may happen at the end of a run.
struct TakenUp<F: Fn() + Sync> {
    names: Mutex<Vec<String>>,
    at_end: F,
}

impl<F: Fn() + Sync> Observer for TakenUp<F> {
    fn notify(&self, event: &Event) {
        match event {
            Event::Started { names, .. } => locked(&self.names).extend_from_slice(names),
            Event::Finished { .. } => (self.at_end)(),
            _ => {}
        }
    }
}

/// Two runs that begin alike, and a shorter one that begins with nothing.
fn two_alike_and_another(store: &Store, start: &Value) -> [Task; 3] {
    let mut tasks = [
        end(store, start, 1, 0),
        end(store, start, 2, 0),
        task(store, 5),
    ];
    for (task, seconds) in tasks.iter_mut().zip([3, 2, 1]) {
        task.run.estimate = Some(Duration::from_secs(seconds).into());
    }
    tasks[0].run.variant = "first".to_owned();
    tasks[1].run.variant = "second".to_owned();
    tasks
}

#[test]
fn nobody_waits_while_there_is_something_else_to_do() {
    // Another worker trains it.
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "not waited for", "pause": 30});
    let tasks = two_alike_and_another(store, &start).to_vec();
    let observer = TakenUp {
        names: Mutex::default(),
        at_end: || {},
    };
    let go_on = AtomicBool::new(false);
    let report = run_with(store, tasks, Device::Cpu, &observer, 2, &go_on);
    assert_eq!((report.finished, report.failures.len()), (3, 0));
    assert_eq!(times_trained("not waited for"), 1);
    let names = observer.names.into_inner().unwrap();
    assert_eq!(names[2], "second seed 0", "{names:?}");

    // Another process does, until the first run has ended.
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "held for a while"});
    let lock = Mutex::new(Some(place(store, &start, 0).lock().unwrap().unwrap()));
    let tasks = two_alike_and_another(store, &start).to_vec();
    let observer = TakenUp {
        names: Mutex::default(),
        at_end: || drop(locked(&lock).take()),
    };
    let report = run_with(store, tasks, Device::Cpu, &observer, 1, &go_on);
    assert_eq!((report.finished, report.failures.len()), (3, 0));
    let names = observer.names.into_inner().unwrap();
    let expected = ["walk seed 5", "first seed 0", "second seed 0"];
    assert_eq!(names, expected);
}

/// Sets the flag when a detail contains the text.
struct StopAt<'a>(&'static str, &'a AtomicBool);

impl Observer for StopAt<'_> {
    fn notify(&self, event: &Event) {
        if let Event::Advanced { detail, .. } = event
            && detail.contains(self.0)
        {
            self.1.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn one_cut_short_is_resumed_to_the_same_bits() {
    let expected = undisturbed("whole");
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "whole", "pause": 110});
    let stop = AtomicBool::new(false);
    let task = end(store, &start, 0, 0);
    let observer = StopAt("starting 3/6", &stop);
    let report = run_with(store, vec![task.clone()], Device::Cpu, &observer, 1, &stop);
    assert!(report.interrupted && report.finished == 0);
    let place = place(store, &start, 0);
    assert_eq!(place.record().unwrap(), None);
    let at = place.progress().unwrap().iteration;
    assert!((3..6).contains(&at), "{at}");
    let found = audit::audit(store).unwrap();
    assert_eq!((found.parts.unfinished, found.findings.len()), (1, 0));

    run_tasks(store, vec![task], Device::Cpu);
    assert_eq!(fs::read(place.weights()).unwrap(), expected);
    let record = place.record().unwrap().unwrap();
    assert_eq!(record.provenance.resumed, 1);
    assert_eq!(record.curves.iteration, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn whoever_waits_can_be_interrupted() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "held"});
    let place = place(store, &start, 0);
    let lock = place.lock().unwrap().unwrap();
    let stop = AtomicBool::new(false);
    let task = end(store, &start, 0, 0);
    let observer = StopAt("waiting", &stop);
    let report = run_with(store, vec![task.clone()], Device::Cpu, &observer, 1, &stop);
    assert!(report.interrupted && report.failures.is_empty());
    assert_eq!(times_trained("held"), 0);
    drop(lock);
    assert_eq!(run_tasks(store, vec![task], Device::Cpu).finished, 1);
}

/// A file, what happens to it, and what is said of it.
type Case<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);

#[test]
fn a_damaged_one_is_kept_aside_and_trained_again() {
    let expected = undisturbed("damaged");
    let start = json!({"name": "damaged"});
    let cut = |path: &Path| fs::write(path, &fs::read(path).unwrap()[..60]).unwrap();
    let turn = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let alter = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text.replace("\"seed\": 0", "\"seed\": 5")).unwrap();
    };
    let cases: [Case; 5] = [
        ("part.json", &cut, "EOF"),
        ("part.json", &alter, "not that of its settings"),
        ("weights.safetensors", &cut, "SHA-256"),
        ("weights.safetensors", &turn, "SHA-256"),
        ("weights.safetensors", &remove, "missing"),
    ];
    for (file, damage, said) in cases {
        let sandbox = Sandbox::new();
        let store = &sandbox.store;
        run_tasks(store, vec![end(store, &start, 0, 0)], Device::Cpu);
        let place = place(store, &start, 0);
        damage(&folder(&place).join(file));
        let found = audit::audit(store).unwrap();
        assert_eq!(
            (found.parts.damaged, found.damaged),
            (1, 0),
            "{file} {said}"
        );
        assert!(found.findings[0].message.contains(said), "{found:?}");

        let trained = times_trained("damaged");
        let other = end(store, &start, 1, 0);
        let report = run_tasks(store, vec![other], Device::Cpu);
        assert_eq!(
            (report.finished, report.failures.len()),
            (1, 0),
            "{file} {said}"
        );
        assert_eq!(times_trained("damaged"), trained + 1);
        assert_eq!(fs::read(place.weights()).unwrap(), expected);
        let names = names(&folder(&place));
        assert!(
            names.contains(&"part.json.unreadable-1".to_owned()),
            "{names:?}"
        );
        let found = audit::audit(store).unwrap();
        assert_eq!((found.parts.sound, found.parts.damaged), (1, 0));
    }
    // What another version has written is left alone, and named.
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    run_tasks(store, vec![end(store, &start, 0, 0)], Device::Cpu);
    let path = folder(&place(store, &start, 0)).join("part.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"schema\": 1", "\"schema\": 9", 1)).unwrap();
    let report = run_tasks(store, vec![end(store, &start, 1, 0)], Device::Cpu);
    assert!(report.failures[0].1.contains("format 9"), "{report:?}");
    assert!(report.failures[0].1.contains("part.json"), "{report:?}");
}

#[test]
fn what_the_disk_refuses_is_named_and_done_later() {
    let expected = undisturbed("refused");
    let start = json!({"name": "refused"});
    for (file, after) in [
        ("checkpoint.safetensors", 0),
        ("checkpoint.safetensors", 3),
        ("weights.safetensors", 0),
        ("part.json", 0),
    ] {
        let sandbox = Sandbox::new();
        let store = &sandbox.store;
        let place = place(store, &start, 0);
        let file = format!("parts/{}/{file}", place.key());
        let faults = Faults::under(sandbox.path());
        faults.add(Fault::error(Step::Write, &file, libc::ENOSPC).after(after));
        let task = end(store, &start, 0, 0);
        let report = run_tasks(store, vec![task.clone()], Device::Cpu);
        assert_eq!((report.finished, report.failures.len()), (0, 1));
        let message = &report.failures[0].1;
        assert!(
            message.contains(&file) && message.contains("disk is full"),
            "{message}"
        );
        assert_eq!(place.record().unwrap(), None, "{file}");
        let left = names(&folder(&place));
        assert!(
            !left.iter().any(|name| files::is_temporary(name.as_ref())),
            "{left:?}"
        );
        drop(faults);
        assert_eq!(
            run_tasks(store, vec![task], Device::Cpu).finished,
            1,
            "{file}"
        );
        assert_eq!(fs::read(place.weights()).unwrap(), expected, "{file}");
    }
}

#[test]
fn runs_that_begin_with_a_diverged_one_have_diverged() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "diverged", "diverges": true});
    let tasks = [1, 2].map(|factor| end(store, &start, factor, 0));
    run_tasks(store, tasks.to_vec(), Device::Cpu);
    assert_eq!(times_trained("diverged"), 1);
    for task in &tasks {
        let record = store.record(&task.run.key).unwrap().unwrap();
        assert_eq!(record.outcome, Outcome::Diverged { iteration: 0 });
        assert_eq!(record.parts[0].weights_sha256, None);
    }
    assert_eq!(audit::audit(store).unwrap().parts.sound, 1);
}

#[test]
fn it_is_in_the_estimate_of_the_first_run_that_needs_it() {
    let sandbox = Sandbox::new();
    let store = &sandbox.store;
    let start = json!({"name": "estimated"});
    let seconds = || -> Vec<u64> {
        let mut tasks =
            [(1, 0), (2, 0), (1, 1)].map(|(factor, seed)| end(store, &start, factor, seed));
        let shapes = BTreeMap::from([("none".to_owned(), [4, 2])]);
        calibrate(&mut tasks, store, &shapes, options(Device::Cpu, 1)).unwrap();
        for task in &tasks {
            let estimate = task.run.estimate.as_ref().unwrap();
            assert_eq!(estimate.own(), Duration::from_secs(1));
        }
        let times = tasks.iter().map(|task| task.run.time().unwrap());
        times.map(|time| time.as_secs()).collect()
    };
    assert_eq!(seconds(), [61, 1, 61]);
    run_tasks(store, vec![end(store, &start, 7, 1)], Device::Cpu);
    assert_eq!(seconds(), [61, 1, 1]);
}
