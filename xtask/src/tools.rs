//! Installs the programs that the tests need in addition to Rust: Debian packages, and Python packages in a virtual environment
//! in the target directory. Prints what it installs, asks nothing, and skips what is installed.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The programs that tests run, and the Debian packages that contain them.
const PROGRAMS: [(&str, &str); 12] = [
    ("cc", "gcc"),
    ("curl", "curl"),
    ("kill", "procps"),
    ("mount", "mount"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("nsenter", "util-linux"),
    ("prlimit", "util-linux"),
    ("promtool", "prometheus"),
    ("script", "bsdutils"),
    ("systemd-analyze", "systemd"),
    ("unshare", "util-linux"),
];

/// The Python packages that tests run, with their versions.
const REQUIREMENTS: &str = "tests/requirements.txt";

const WITHOUT_NAMESPACES: &str = "\
warning: this user cannot make user namespaces, so the tests that fill a small disk will fail. They are allowed with
    Debian: sysctl kernel.unprivileged_userns_clone=1
    Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0
and in a container with a security profile that permits `unshare` and `mount`.";

/// Installs what is missing. The target directory of the workspace at `root` gets the Python packages.
pub(crate) fn install(root: &Path, target: &Path) -> Result<()> {
    let python = target.join("python");
    let missing = missing(is_on_path, python.join("bin/pip").exists() || can_make_environments());
    if !missing.is_empty() {
        let how = Rights { is_root: is_root()?, has_apt: is_on_path("apt-get"), has_sudo: can_sudo() };
        install_packages(&missing, &how)?;
    }
    install_python(root, REQUIREMENTS, &python)?;
    if !has_namespaces() {
        eprintln!("{WITHOUT_NAMESPACES}");
    }
    Ok(())
}

/// Missing programs, and the packages that contain them.
type Missing = Vec<(&'static str, &'static str)>;

fn missing(has: impl Fn(&str) -> bool, has_venv: bool) -> Missing {
    let venv = (!has_venv).then_some(("python3 with venv", "python3-venv"));
    PROGRAMS.into_iter().filter(|(program, _)| !has(program)).chain(venv).collect()
}

/// Returns the packages that contain all of these, without duplicates.
fn packages(missing: &Missing) -> Vec<&'static str> {
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// How the user can install packages.
#[derive(Debug, Clone, Copy)]
struct Rights {
    is_root: bool,
    has_apt: bool,
    /// Whether `sudo` works without a password.
    has_sudo: bool,
}

/// Returns the commands that install packages; the error says which ones the user has to run.
fn commands(missing: &Missing, rights: &Rights) -> Result<[Vec<String>; 2]> {
    let packages = packages(missing).join(" ");
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let programs = programs.join(", ");
    ensure!(
        rights.has_apt,
        "the tests run programs that are missing: {programs}. On Debian they are in the packages {packages}; install them as \
         this system does it, then run this again"
    );
    let by_hand = format!("apt-get install -y --no-install-recommends {packages}");
    ensure!(
        rights.is_root || rights.has_sudo,
        "the tests run programs that are missing: {programs}. Installing them takes root. Run\n    sudo {by_hand}\nthen run this \
         again"
    );
    // The runlevel keeps the packages' services from being started: only their programs are wanted.
    let quiet = "env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive";
    let prefix = if rights.is_root { quiet.to_owned() } else { format!("sudo -n {quiet}") };
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    Ok([
        words(format!("{prefix} apt-get update -qq")),
        words(format!("{prefix} apt-get install -y -qq --no-install-recommends {packages}")),
    ])
}

fn install_packages(missing: &Missing, rights: &Rights) -> Result<()> {
    let commands = commands(missing, rights)?;
    for (program, package) in missing {
        eprintln!("Installing {program}, which the tests run (Debian's package {package})");
    }
    for command in commands {
        run(Command::new(&command[0]).args(&command[1..])).context("the packages cannot be installed")?;
    }
    Ok(())
}

/// Creates a virtual environment with the packages of a requirements file in the repository; does not use the network if they
/// are installed.
pub(crate) fn install_python(root: &Path, requirements: &str, python: &Path) -> Result<()> {
    let wanted = root.join(requirements);
    let wanted = fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let installed = python.join("installed.txt");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("Installing the Python packages of {requirements} in {}", python.display());
    let pip = python.join("bin/pip");
    if !pip.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(python))
            .context("the virtual environment for Python cannot be made")?;
    }
    let mut install = Command::new(&pip);
    install.args(["install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]);
    run(install.current_dir(root))
        .context("the Python packages cannot be installed; PyPI has to be reachable for this")?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}

/// Runs a command and shows only its errors.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        bail!("`{program} {}` ended with {status}", arguments.join(" "));
    }
    Ok(())
}

fn is_on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Returns whether a command succeeds; discards its output.
fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let quiet = || Stdio::null();
    let status = Command::new(program).args(arguments).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    status.is_ok_and(|status| status.success())
}

fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output().context("cannot start `id`")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

fn can_sudo() -> bool {
    succeeds("sudo", &["-n", "true"])
}

fn can_make_environments() -> bool {
    succeeds("python3", &["-c", "import ensurepip, venv"])
}

fn has_namespaces() -> bool {
    succeeds("unshare", &["--user", "--map-root-user", "--mount", "true"])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Rights = Rights { is_root: true, has_apt: true, has_sudo: false };
    const USER: Rights = Rights { is_root: false, has_apt: true, has_sudo: false };

    fn some() -> Missing {
        missing(|program| !["kill", "nsenter", "unshare"].contains(&program), false)
    }

    #[test]
    fn what_is_missing_is_found_with_its_package() {
        assert_eq!(missing(|_| true, true), []);
        let all = missing(|_| false, false);
        assert_eq!(all.len(), PROGRAMS.len() + 1);
        let expected = [
            ("kill", "procps"),
            ("nsenter", "util-linux"),
            ("unshare", "util-linux"),
            ("python3 with venv", "python3-venv"),
        ];
        assert_eq!(some(), expected);
        assert_eq!(packages(&some()), ["procps", "python3-venv", "util-linux"]);
    }

    #[test]
    fn root_installs_and_a_user_does_it_by_sudo() {
        let [update, install] = commands(&some(), &ROOT).unwrap();
        assert_eq!(update.join(" "), "env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get update -qq");
        assert_eq!(
            install.join(" "),
            "env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends procps \
             python3-venv util-linux"
        );
        let by_sudo = commands(&some(), &Rights { has_sudo: true, ..USER }).unwrap();
        assert!(by_sudo.iter().all(|command| command[..3] == ["sudo", "-n", "env"]), "{by_sudo:?}");
    }

    #[test]
    fn who_cannot_install_is_told_the_command() {
        let error = commands(&some(), &USER).unwrap_err().to_string();
        assert!(error.contains("kill, nsenter, unshare, python3 with venv"), "{error}");
        let command = "sudo apt-get install -y --no-install-recommends procps python3-venv util-linux\n";
        assert!(error.contains(command), "{error}");
        let elsewhere = commands(&some(), &Rights { has_apt: false, ..ROOT }).unwrap_err().to_string();
        assert!(elsewhere.contains("the packages procps python3-venv util-linux"), "{elsewhere}");
    }

    #[test]
    fn an_environment_that_has_what_is_asked_for_is_left_as_it_is() {
        let root = env::temp_dir().join(format!("saggar-tools-{}", std::process::id()));
        let python = root.join("python");
        fs::create_dir_all(root.join("tests")).unwrap();
        fs::create_dir_all(&python).unwrap();
        fs::write(root.join(REQUIREMENTS), "a==1\n").unwrap();
        fs::write(python.join("installed.txt"), "a==1\n").unwrap();
        // It has no pip, so anything but leaving it alone would make one.
        install_python(&root, REQUIREMENTS, &python).unwrap();
        assert!(!python.join("bin").exists());
        fs::remove_dir_all(&root).unwrap();
    }
}
