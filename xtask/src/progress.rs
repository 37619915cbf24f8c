//! What tasks tell on stderr: one plain line for each thing it begins or ends.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Prints one line of set-up.
pub fn say(line: &str) {
    say_of("setup", line);
}

/// Prints one line of a task.
pub fn say_of(task: &str, line: &str) {
    eprintln!("{task}: {line}");
}

/// Whether a person watches: then pip draws its own progress.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Seconds since `start`, for people.
pub fn since(start: Instant) -> String {
    seconds(start.elapsed())
}

fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds >= 60 {
        format!("{} min {} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", elapsed.as_secs_f64())
    }
}

/// Bytes as whole megabytes, for people.
pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}
