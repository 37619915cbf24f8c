//! Ctrl-C and other wishes that the program stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::run::say;

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// From here on the first signal asks for an orderly end: it sets what is returned, and says so on
/// standard error. A second one ends the program at once, with exit code 130; what was saved before
/// stays whole.
///
/// # Errors
/// If the system refuses a signal handler or a thread.
pub fn watch() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in SIGNALS {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    // A signal handler itself may not print.
    let mut signals = Signals::new(SIGNALS)?;
    let tell = move || {
        if signals.forever().next().is_some() {
            say("stopping: unfinished runs are being saved (once more to stop without)");
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(tell)?;
    Ok(interrupted)
}

/// What a scheduler's signals have asked for.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// That this process save and stop.
    pub stop: Arc<AtomicBool>,
    /// That it do so because its time will soon be up.
    pub time_limit: Arc<AtomicBool>,
}

/// As [`watch`], for processes that a scheduler looks after: SIGUSR1 too asks for an orderly end, and no
/// number of signals cuts the saving short, because schedulers send several. They end what takes too long
/// themselves.
///
/// # Errors
/// If the system refuses a signal handler.
pub fn obey() -> io::Result<Wishes> {
    let wishes = Wishes::default();
    signal_hook::flag::register(SIGUSR1, Arc::clone(&wishes.time_limit))?;
    for signal in SIGNALS.into_iter().chain([SIGUSR1]) {
        signal_hook::flag::register(signal, Arc::clone(&wishes.stop))?;
    }
    Ok(wishes)
}
