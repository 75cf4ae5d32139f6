//! The second wall: a service gives up the rights that it does not need, before it has threads and runs any guest. Owns
//! what a host needs; `saggar-harden` owns how the rest is given up.

mod paths;
mod programs;

#[cfg(debug_assertions)]
pub(crate) mod probe;

use std::path::Path;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use saggar::api::{Bound, ListenError};
use saggar::{CompilerLauncher, run_program};
use saggar_definition::{Diagnostic, Location};
use saggar_harden::{Confinement, Missing, confine};

use crate::cli::Command;
use crate::config::{Harden, Loaded, Variables};
use paths::DirectoryId;
use programs::SecretPrograms;

/// The launcher's program: the running one.
const PROGRAM: &str = "/proc/self/exe";

/// How a process was hardened.
pub(crate) struct Hardening {
    result: HardeningResult,
    /// What starts compilers, because a confined process cannot.
    launcher: Option<CompilerLauncher>,
    /// The address, because a confined process cannot bind one.
    bound: Mutex<Option<Result<Bound, ListenError>>>,
    /// What programs have printed that a confined process cannot start; `None` if this process can.
    secret_programs: Option<SecretPrograms>,
}

enum HardeningResult {
    /// The command is not hardened.
    NotWanted,
    /// `harden` is `off`.
    Off,
    /// The walls that the kernel has are in place.
    Confined(Confinement),
    /// The process could not be confined.
    Failed(anyhow::Error),
}

/// Runs a program with arguments; returns what it prints.
type RunProgram = dyn Fn(&[String]) -> Result<Vec<u8>, String> + Send + Sync;

impl Hardening {
    /// Hardens the process, if the command is. Call it before there are other threads. Fails if the configuration requires what
    /// the kernel does not have, or if the service would run as root without permission.
    pub(crate) fn start(command: &Command, loaded: &Loaded, variables: &Variables) -> anyhow::Result<Self> {
        let Some(service) = command.hardened() else { return Ok(Self::without(HardeningResult::NotWanted)) };
        check_root(loaded.config.allow_root)?;
        if loaded.config.harden == Harden::Off {
            return Ok(Self::without(HardeningResult::Off));
        }
        let launcher = CompilerLauncher::start(PROGRAM).context("cannot start the process that starts compilers")?;
        let bound = Mutex::new(Some(Bound::new(loaded.config.listen, &loaded.tokens())));
        let secret_programs = Some(SecretPrograms::run(loaded));
        let walls = paths::walls(&service, loaded, variables);
        let result = match confine(&walls) {
            Ok(confinement) => HardeningResult::Confined(confinement),
            Err(error) => HardeningResult::Failed(error.into()),
        };
        let hardening = Self { result, launcher: Some(launcher), bound, secret_programs };
        if loaded.config.harden == Harden::Require {
            hardening.require()?;
        }
        Ok(hardening)
    }

    fn without(result: HardeningResult) -> Self {
        Self { result, launcher: None, bound: Mutex::default(), secret_programs: None }
    }

    /// Fails unless all walls are in place. Newer parts of a wall may be missing, because no distribution has them all.
    fn require(&self) -> anyhow::Result<()> {
        const HELP: &str = "use a newer kernel, or `--harden auto` to start without";
        match &self.result {
            HardeningResult::Confined(confinement) => match missing_whole(&confinement.missing) {
                Some(whole) => bail!("`harden` is \"require\", and the kernel does not have {whole}; {HELP}"),
                None => Ok(()),
            },
            HardeningResult::Failed(error) => bail!("`harden` is \"require\", and it failed: {error:#}; {HELP}"),
            HardeningResult::NotWanted | HardeningResult::Off => Ok(()),
        }
    }

    /// Logs in one line which walls are missing.
    pub(crate) fn log(&self) {
        match &self.result {
            HardeningResult::NotWanted => {}
            HardeningResult::Off => tracing::info!("not hardened, because `harden` is off"),
            HardeningResult::Confined(confinement) if confinement.missing.is_empty() => tracing::info!("hardened"),
            HardeningResult::Confined(confinement) => {
                let missing = listed(&confinement.missing);
                tracing::warn!(missing, "hardened in part: the kernel does not have all that is needed");
            }
            HardeningResult::Failed(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "not hardened, or only in part: a guest that escapes from its sandbox would have the rights of the host"
                );
            }
        }
    }

    /// Returns how the programs are run that print the values of secrets.
    pub(crate) fn secret_program(&self) -> Box<RunProgram> {
        match &self.secret_programs {
            Some(programs) => Box::new(programs.printed()),
            None => Box::new(run_program),
        }
    }

    fn restricts_files(&self) -> bool {
        matches!(&self.result, HardeningResult::Confined(confinement) if confinement.restricts_files)
    }

    /// Returns a check whether the process can read what is at this path now; the problem says what to do.
    pub(crate) fn readable_check(&self, dir: &Path) -> impl Fn() -> Option<Diagnostic> + Send + Sync + use<> {
        let is_confined = self.restricts_files();
        let (dir, at_start) = (dir.to_owned(), DirectoryId::of(dir));
        move || {
            let now = DirectoryId::of(&dir)?;
            if !is_confined || Some(now) == at_start {
                return None;
            }
            let message = "another directory is at this path than at the start, and a hardened host cannot read it";
            let problem = Diagnostic::error(Location::file(dir.to_string_lossy()), message);
            Some(
                problem
                    .with_help("restart the host; or replace the content of the directory, not the directory itself"),
            )
        }
    }

    /// Returns a check whether the process can read the directory of a tenant; the problem says what to do. `loaded` is the
    /// configuration of the start.
    pub(crate) fn tenant_check(&self, loaded: &Loaded) -> impl Fn(&Path) -> Option<Diagnostic> + Send + Sync + use<> {
        let is_confined = self.restricts_files();
        let dirs = paths::readable_for_tenants(loaded);
        let readable: Vec<_> = dirs.iter().filter_map(|dir| DirectoryId::of(dir)).collect();
        move |dir| {
            let is_readable = |dir: &Path| DirectoryId::of(dir).is_some_and(|id| readable.contains(&id));
            // What does not exist is reported by the tenant's own loading.
            let real = dir.canonicalize().ok()?;
            if !is_confined || real.ancestors().any(is_readable) {
                return None;
            }
            let message = "a hardened host cannot read this directory, because it is outside of those of the start";
            let help = "restart the host; or put it beside the directory of another tenant";
            Some(Diagnostic::error(Location::file(dir.to_string_lossy()), message).with_help(help))
        }
    }

    /// Returns the address that was bound before the process was confined, once; binds it if the process was not.
    pub(crate) fn bound(&self, loaded: &Loaded) -> Result<Bound, ListenError> {
        self.bound.lock().take().unwrap_or_else(|| Bound::new(loaded.config.listen, &loaded.tokens()))
    }

    /// Returns what starts compilers; `None` if this process can.
    pub(crate) fn launcher(&self) -> Option<CompilerLauncher> {
        self.launcher.clone()
    }
}

/// Returns the walls that are missing as a whole; `None` if each is there at least in part.
fn missing_whole(missing: &[Missing]) -> Option<String> {
    let whole = listed(missing.iter().filter(|missing| missing.is_whole));
    (!whole.is_empty()).then_some(whole)
}

fn listed<'a>(missing: impl IntoIterator<Item = &'a Missing>) -> String {
    missing.into_iter().map(|missing| missing.what.as_str()).collect::<Vec<_>>().join("; ")
}

/// Refuses to run as root, unless that is allowed.
fn check_root(is_allowed: bool) -> anyhow::Result<()> {
    if rustix::process::geteuid().is_root() && !is_allowed {
        bail!(
            "a host does not run as root, because a guest that escapes from its sandbox would have the rights of root; \
             run it as another user, as deploy/saggar.service does, or allow it with `--allow-root yes`"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wall_that_is_missing_as_a_whole_prevents_the_start() {
        let missing = |is_whole, what: &str| Missing { is_whole, what: what.to_owned() };
        assert_eq!(missing_whole(&[]), None);
        assert_eq!(missing_whole(&[missing(false, "ports")]), None);
        let all = [missing(true, "Landlock"), missing(false, "ports"), missing(true, "seccomp")];
        assert_eq!(missing_whole(&all), Some("Landlock; seccomp".to_owned()));
        assert_eq!(listed(&all), "Landlock; ports; seccomp");
    }
}
