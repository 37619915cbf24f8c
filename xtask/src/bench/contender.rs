//! A contender: one or several processes that answer requests line by line.
//!
//! A process prints `ready key=value ...` once. A line `round` on its standard input is answered with the seconds of
//! one unit of work and key=value pairs, `check` with numbers. It ends when its standard input does. A contender of
//! several processes does its rounds in all of them at once: the slowest counts, divided by their number.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to end once it has been told to.
const FAREWELL: Duration = Duration::from_secs(2);

/// `key=value` pairs, in the order they came.
pub type Pairs = Vec<(String, String)>;

/// What a round came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Seconds of one unit of work.
    pub seconds: f64,
    /// What else the contender told.
    pub more: Pairs,
}

/// A running contender.
#[derive(Debug)]
pub struct Contender {
    processes: Vec<Process>,
    /// What the first process said of itself.
    pub about: Pairs,
}

impl Contender {
    /// Starts a process for each command and waits until all are ready. The error says why one is not.
    pub fn start(commands: &[CommandLine], patience: Duration) -> Result<Self, String> {
        let mut processes = Vec::new();
        for command in commands {
            processes.push(Process::start(command)?);
        }
        let mut about = None;
        for process in &mut processes {
            let line = process.answer(patience)?;
            let Some(told) = line.strip_prefix("ready") else {
                return Err(format!("said `{line}` instead of `ready`"));
            };
            about.get_or_insert(pairs(told)?);
        }
        Ok(Self {
            processes,
            about: about.unwrap_or_default(),
        })
    }

    /// Asks for one round.
    pub fn round(&mut self, patience: Duration) -> Result<Round, String> {
        let answers = self.ask("round", patience)?;
        let rounds: Result<Vec<Round>, String> = answers.iter().map(|line| round(line)).collect();
        let slowest = rounds?
            .into_iter()
            .max_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let slowest = slowest.ok_or("has no process")?;
        Ok(Round {
            seconds: slowest.seconds / self.processes.len() as f64,
            more: slowest.more,
        })
    }

    /// Asks for the numbers of the check.
    pub fn check(&mut self, patience: Duration) -> Result<Vec<f64>, String> {
        let answers = self.ask("check", patience)?;
        let first = answers.first().map_or("", String::as_str);
        let numbers = first.split_whitespace().map(str::parse);
        numbers
            .collect::<Result<_, _>>()
            .map_err(|_| format!("answered the check with `{first}`"))
    }

    fn ask(&mut self, request: &str, patience: Duration) -> Result<Vec<String>, String> {
        for process in &mut self.processes {
            process.send(request)?;
        }
        let processes = self.processes.iter_mut();
        processes.map(|process| process.answer(patience)).collect()
    }
}

/// A program, its arguments and what is set in its environment.
#[derive(Debug, Clone)]
pub struct CommandLine {
    /// Program and arguments.
    pub words: Vec<std::ffi::OsString>,
    /// Variables.
    pub variables: Vec<(&'static str, std::ffi::OsString)>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    /// What it wrote to stderr.
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    fn start(line: &CommandLine) -> Result<Self, String> {
        let (program, arguments) = line.words.split_first().ok_or("has no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(line.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start `{}`: {error}", program.to_string_lossy()))?;
        let (tell, answers) = channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(errors) = child.stderr.take() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    said.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(line);
                }
            });
        }
        Ok(Self {
            requests: child.stdin.take(),
            child,
            answers,
            said,
        })
    }

    fn send(&mut self, request: &str) -> Result<(), String> {
        let sent = self
            .requests
            .as_mut()
            .is_some_and(|input| writeln!(input, "{request}").is_ok());
        if sent { Ok(()) } else { Err(self.ended()) }
    }

    fn answer(&mut self, patience: Duration) -> Result<String, String> {
        match self.answers.recv_timeout(patience) {
            Ok(line) => Ok(line.trim().to_owned()),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("gave no answer within {} s", patience.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// How it ended, with its last words.
    fn ended(&mut self) -> String {
        self.farewell();
        let status = self.child.try_wait().ok().flatten();
        let status = status.map_or_else(
            || "fell silent".to_owned(),
            |status| format!("ended ({status})"),
        );
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let last = said.iter().rev().find(|line| !line.trim().is_empty());
        last.map_or(status.clone(), |last| format!("{status}: {}", last.trim()))
    }

    /// Waits a little for the process to end, and for what it still has to say.
    fn farewell(&mut self) {
        self.requests = None;
        let asked = Instant::now();
        while asked.elapsed() < FAREWELL {
            let gone = matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
            // The reader of stderr holds the other handle until the pipe is closed.
            if gone && Arc::strong_count(&self.said) == 1 {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever is in the middle of something does not look at its input.
        self.requests = None;
        let asked = Instant::now();
        while asked.elapsed() < FAREWELL {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `0.0123 key=value ...`
fn round(line: &str) -> Result<Round, String> {
    let nonsense = || format!("answered `{line}` instead of seconds");
    let (seconds, more) = line.split_once(' ').unwrap_or((line, ""));
    let seconds: f64 = seconds.parse().map_err(|_| nonsense())?;
    if !(seconds.is_finite() && seconds > 0.0) {
        return Err(nonsense());
    }
    Ok(Round {
        seconds,
        more: pairs(more)?,
    })
}

fn pairs(text: &str) -> Result<Pairs, String> {
    text.split_whitespace()
        .map(|word| match word.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(format!("said `{word}` where key=value belongs")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, clippy::unwrap_used)]

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn start(scripts: &[&str], patience: Duration) -> Result<Contender, String> {
        let commands: Vec<_> = scripts
            .iter()
            .map(|script| CommandLine {
                words: vec!["sh".into(), "-c".into(), script.into()],
                variables: vec![("WHO", "peer".into())],
            })
            .collect();
        Contender::start(&commands, patience)
    }

    #[test]
    fn answers_are_read() {
        let script = "echo ready version=$WHO; read _; echo 0.25 gflops=4 x=y; read _; echo 1 2.5";
        let mut contender = start(&[script], PATIENCE).unwrap();
        assert_eq!(contender.about, [("version".into(), "peer".into())]);
        let round = contender.round(PATIENCE).unwrap();
        assert_eq!(round.seconds, 0.25);
        assert_eq!(round.more[0], ("gflops".into(), "4".into()));
        assert_eq!(contender.check(PATIENCE).unwrap(), [1.0, 2.5]);
    }

    #[test]
    fn the_slowest_of_several_processes_counts() {
        let scripts = [
            "echo ready; read _; echo 0.5",
            "echo ready; read _; echo 0.75",
        ];
        let mut contender = start(&scripts, PATIENCE).unwrap();
        assert_eq!(contender.round(PATIENCE).unwrap().seconds, 0.375);
    }

    #[test]
    fn one_that_dies_tells_its_last_words() {
        let fault = start(&["echo no such module >&2; exit 3"], PATIENCE).unwrap_err();
        assert!(
            fault.contains('3') && fault.contains("no such module"),
            "{fault}"
        );
        let mut contender =
            start(&["echo ready; read _; echo oops >&2; exit 1"], PATIENCE).unwrap();
        let fault = contender.round(PATIENCE).unwrap_err();
        assert!(fault.contains("oops"), "{fault}");
    }

    #[test]
    fn one_that_hangs_is_given_up_and_ended() {
        let patience = Duration::from_millis(100);
        let mut contender = start(&["echo ready; exec sleep 600"], PATIENCE).unwrap();
        let fault = contender.round(patience).unwrap_err();
        assert!(fault.contains("no answer"), "{fault}");
        let asked = Instant::now();
        drop(contender);
        assert!(asked.elapsed() < FAREWELL + PATIENCE);
    }

    #[test]
    fn nonsense_is_no_result() {
        for answer in ["nan", "-1", "0", "inf", "fast", "", "1 fast"] {
            let script = format!("echo ready; read _; echo '{answer}'");
            let mut contender = start(&[&script], PATIENCE).unwrap();
            assert!(contender.round(PATIENCE).is_err(), "{answer}");
        }
        assert!(
            start(&["echo hello"], PATIENCE)
                .unwrap_err()
                .contains("hello")
        );
        assert!(start(&["echo ready fast"], PATIENCE).is_err());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let command = CommandLine {
            words: vec!["/nowhere/python3".into()],
            variables: Vec::new(),
        };
        let fault = Contender::start(&[command], PATIENCE).unwrap_err();
        assert!(fault.contains("/nowhere/python3"), "{fault}");
    }
}
