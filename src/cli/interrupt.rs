//! Ctrl-C and other wishes that the program stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::run::say;

/// The signals that ask for an end. A hang-up is none where whoever started this had it ignored, as nohup does.
fn signals() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    signals.extend((!is_ignored(SIGHUP)).then_some(SIGHUP));
    signals
}

fn is_ignored(signal: i32) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is set, and what is written fits; zeroes are a sigaction too.
    let now = unsafe {
        libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr());
        now.assume_init()
    };
    now.sa_sigaction == libc::SIG_IGN
}

/// From here on the first signal asks for an orderly end: it sets what is returned, and says so on
/// standard error. A second one ends the program at once, with exit code 130; what was saved before
/// stays whole.
///
/// # Errors
/// If the system refuses a signal handler or a thread.
pub fn watch() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let signals = signals();
    for &signal in &signals {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    // A signal handler itself may not print.
    let mut signals = Signals::new(signals)?;
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
    for signal in signals().into_iter().chain([SIGUSR1]) {
        signal_hook::flag::register(signal, Arc::clone(&wishes.stop))?;
    }
    Ok(wishes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_up_that_is_ignored_stays_so() {
        let set = |handler| {
            // SAFETY: either disposition runs no code of ours, and no other test looks at this signal.
            unsafe { libc::signal(SIGHUP, handler) }
        };
        let before = set(libc::SIG_IGN);
        let without = signals();
        set(libc::SIG_DFL);
        let with = signals();
        set(before);
        assert_eq!(without, [SIGINT, SIGTERM]);
        assert_eq!(with, [SIGINT, SIGTERM, SIGHUP]);
    }
}
