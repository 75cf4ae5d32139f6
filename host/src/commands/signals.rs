//! The signals that end a command gracefully: SIGTERM, SIGINT (Ctrl-C), SIGQUIT and SIGHUP. For a service, SIGHUP requests
//! a reload instead, unless it means that the service's terminal was closed.

use std::fs::File;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The name of the signal that a closed terminal sends, and operators to reload.
const HANGUP: &str = "SIGHUP";

/// The receiver of these signals. Once it exists, none of them ends the process by itself.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// `None` if the parent process ignored it, as `nohup` does, so that the command outlives its terminal.
    hangup: Option<Signal>,
    /// Whether the process had a terminal when it started. If it has none later, the terminal was closed.
    had_terminal: bool,
}

/// A signal for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceSignal {
    /// To end; contains the signal's name.
    Stop(&'static str),
    /// To reload the app.
    Reload,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
            had_terminal: has_terminal(),
        })
    }

    /// Waits for the next signal; returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.quit.recv() => "SIGQUIT",
            _ = hangup => HANGUP,
        }
    }
}

impl Signals {
    /// Waits for the next signal that stops a service.
    pub(crate) async fn next_stop(&mut self) -> &'static str {
        loop {
            if let ServiceSignal::Stop(name) = self.next_of_service().await {
                return name;
            }
        }
    }

    /// Waits for the next signal to a service.
    pub(crate) async fn next_of_service(&mut self) -> ServiceSignal {
        match self.next().await {
            HANGUP if !self.had_terminal || has_terminal() => ServiceSignal::Reload,
            name => ServiceSignal::Stop(name),
        }
    }
}

/// Returns whether the process has a controlling terminal.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Returns whether SIGHUP was ignored when this process started; false if the system does not report it.
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Parses the mask of ignored signals from `/proc/self/status`. SIGHUP is number 1, the lowest bit.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let last = mask.and_then(|mask| mask.trim().chars().last()).and_then(|digit| digit.to_digit(16));
    last.is_some_and(|digit| digit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_parsed() {
        assert!(ignores_hangup("Name:\tsaggar\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n"));
        assert!(!ignores_hangup(""));
    }
}
