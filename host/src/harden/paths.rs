//! The files and ports that a host needs. Everything is decided at the start, because a confined process cannot widen
//! its own walls: what a reload adds beyond it needs a restart.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use reqwest::Url;
use saggar::grant::{DirGrant, Grants, OriginPattern, SecretSource};
use saggar_harden::{Role, Walls};

use crate::cli::ServiceFiles;
use crate::config::{Config, Loaded, Variables};

/// What a process reads about itself and its machine: for metrics, for the number of processors and those of its control
/// group, for who has locked a store, and for SQLite's random numbers.
const SYSTEM: [&str; 6] = [
    "/proc/self",
    "/proc/locks",
    "/proc/sys/kernel/hostname",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu/online",
    "/dev/urandom",
];

/// What the C library and TLS read to connect to a server: name servers, hosts, certificates, and libraries that look up
/// names.
const CONNECTIONS: [&str; 18] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
    "/run/systemd/resolve",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// The variables that name a proxy, which the exporter of traces honours.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The terminal of the process, whose absence tells that it was closed.
const TERMINAL: &str = "/dev/tty";

/// Returns what a host needs. Creates the directories that it writes, because a rule needs an existing one.
pub(super) fn walls(service: &ServiceFiles<'_>, loaded: &Loaded, variables: &Variables) -> Walls {
    let config = &loaded.config;
    let written = written(service, config, variables);
    // For an app that does not exist, there is nothing to be served.
    if service.app.is_none_or(Path::is_dir) {
        for dir in &written {
            // The first write to it reports the error.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        }
    }
    let mut connects = connects(config, variables);
    connects.extend(granted_ports(loaded));
    let (changed, looked_at) = granted_dirs(loaded);
    let read = read(service, loaded).into_iter().chain(connection_files(&connects, variables)).chain(looked_at);
    let role = Role::Host { connects };
    Walls::new(role).read(read).write(written.into_iter().chain(changed))
}

/// The directories that tasks are granted: those that they may change, and those that they may only read.
fn granted_dirs(loaded: &Loaded) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let dirs = all_grants(loaded).flat_map(|grants| &grants.dirs);
    let (changed, read): (Vec<&DirGrant>, Vec<&DirGrant>) = dirs.partition(|dir| dir.access.is_write());
    let paths = |dirs: Vec<&DirGrant>| dirs.into_iter().map(|dir| dir.path.clone()).collect();
    (paths(changed), paths(read))
}

/// The directories of the store, of compiled plugins, and of the key for these. Each is for the host alone, or should be:
/// SQLite makes files beside the store's.
fn written(service: &ServiceFiles<'_>, config: &Config, variables: &Variables) -> Vec<PathBuf> {
    // The store of tenants is beside their configuration, unless it says otherwise.
    let base = service.app.map(Path::to_owned).or(service.configuration.map(directory_of)).unwrap_or_default();
    let of_store = config.store.file(&base).map(|file| directory_of(&file));
    of_store.into_iter().chain(config.cache_dir.clone()).chain(variables.user_state_dir()).collect()
}

fn read(service: &ServiceFiles<'_>, loaded: &Loaded) -> Vec<PathBuf> {
    let terminal = File::open(TERMINAL).is_ok().then(|| PathBuf::from(TERMINAL));
    // The file itself, too: it may be a link to another directory.
    let configuration = service.configuration.map(|file| [with_neighbours(file), file.to_owned()]);
    let app = service.app.map(Path::to_owned);
    let tenants = readable_for_tenants(loaded);
    let dashboard = service.dashboard.map(Path::to_owned);
    SYSTEM
        .iter()
        .map(PathBuf::from)
        .chain(app)
        .chain(dashboard)
        .chain(tenants)
        .chain(terminal)
        .chain(configuration.into_iter().flatten())
        .chain(secret_files(loaded))
        .collect()
}

/// Returns what is readable for the sake of tenants: the directory of each, which may be a link, and the directories that they
/// are in, so that a reload can add tenants beside them. Not those of the system.
pub(super) fn readable_for_tenants(loaded: &Loaded) -> Vec<PathBuf> {
    readable_for(loaded.tenant_settings().into_iter().map(|tenant| tenant.dir).collect())
}

fn readable_for(mut dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    dirs.extend(dirs.iter().map(|dir| with_neighbours(dir)).collect::<Vec<_>>());
    dirs.sort_unstable();
    dirs.dedup();
    dirs
}

/// Returns the directory of a file, such as the configuration, so that the file can be replaced by another. For a file
/// directly in a directory of the system, such as `/etc`, it is the file alone.
fn with_neighbours(file: &Path) -> PathBuf {
    let dir = directory_of(file);
    let is_of_system = dir.canonicalize().is_ok_and(|dir| dir.components().count() <= 2);
    if is_of_system { file.to_owned() } else { dir }
}

/// A directory by what the kernel knows of it: another one at the same path is not readable in a confined process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectoryId {
    device: u64,
    inode: u64,
}

impl DirectoryId {
    /// Returns the directory that is now at this path; `None` if there is none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Returns all grants of the configuration.
fn all_grants(loaded: &Loaded) -> impl Iterator<Item = &Grants> {
    [&loaded.grants].into_iter().chain(loaded.tenants.iter().map(|tenant| &tenant.settings.grants))
}

/// Returns the files with the values of secrets, each with its directory, so that it can be replaced by another.
fn secret_files(loaded: &Loaded) -> Vec<PathBuf> {
    let secrets = all_grants(loaded).flat_map(|grants| &grants.secrets);
    let files = secrets.filter_map(|secret| match &secret.source {
        SecretSource::File(file) => Some([with_neighbours(file), file.clone()]),
        SecretSource::Env(_) | SecretSource::Command(_) => None,
    });
    files.flatten().collect()
}

/// Returns the ports of the origins that tasks are granted.
fn granted_ports(loaded: &Loaded) -> Vec<u16> {
    let origins = all_grants(loaded).filter_map(|grants| grants.http.as_ref()).flat_map(|http| &http.origins);
    origins.map(OriginPattern::port).collect()
}

/// The ports of the collector of traces, and of proxies on the way.
fn connects(config: &Config, variables: &Variables) -> Vec<u16> {
    let Some(endpoint) = &config.otlp_endpoint else { return Vec::new() };
    let proxies = PROXIES.iter().filter_map(|name| variables.text(name)).filter_map(proxy_port);
    let port = Url::parse(&endpoint.address).ok().and_then(|url| url.port_or_known_default());
    port.into_iter().chain(proxies).collect()
}

/// Returns the port of a proxy, which may be given without `http://`.
fn proxy_port(text: &str) -> Option<u16> {
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let url = url.ok()?;
    url.port_or_known_default().or(url.scheme().starts_with("socks").then_some(1080))
}

fn connection_files(connects: &[u16], variables: &Variables) -> Vec<PathBuf> {
    if connects.is_empty() {
        return Vec::new();
    }
    let files = variables.text("SSL_CERT_FILE").into_iter();
    let dirs = variables.text("SSL_CERT_DIR").into_iter().flat_map(|dirs| dirs.split(':'));
    CONNECTIONS.into_iter().chain(files).chain(dirs).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_configuration_is_readable_unless_it_is_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("below");
        std::fs::create_dir(&below).unwrap();
        assert_eq!(with_neighbours(&below.join("saggar.toml")), below);
        assert_eq!(with_neighbours(Path::new("/etc/saggar.toml")), Path::new("/etc/saggar.toml"));
        assert_eq!(directory_of(Path::new("jobs.db")), Path::new("."));
    }

    #[test]
    fn tenants_can_be_added_beside_others() {
        let dir = tempfile::tempdir().unwrap();
        let [parent, one, two] = ["shared", "shared/one", "shared/two"].map(|below| dir.path().join(below));
        std::fs::create_dir(&parent).unwrap();
        assert_eq!(readable_for(vec![two.clone(), one.clone()]), [parent, one, two]);
        assert_eq!(readable_for(vec!["/srv/acme".into()]), [Path::new("/srv/acme")], "a directory of the system");
    }

    #[test]
    fn the_ports_of_proxies_are_found() {
        for (text, port) in [
            ("http://proxy:3128", Some(3128)),
            ("proxy:3128", Some(3128)),
            ("http://proxy", Some(80)),
            ("https://user:word@proxy/", Some(443)),
            ("socks5://proxy", Some(1080)),
            ("", None),
        ] {
            assert_eq!(proxy_port(text), port, "{text}");
        }
    }
}
