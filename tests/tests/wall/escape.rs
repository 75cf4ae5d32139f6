//! What an escaped guest tries is refused in a hardened host, and would succeed in another.

use serde_json::json;

use super::probe::Probe;

/// Errors of the walls: no permission (Landlock), and no such system call (seccomp).
const EPERM: i32 = 1;
const EACCES: i32 = 13;
const ENOSYS: i32 = 38;

/// What the wall of files refuses, at the least.
const FILES: [&str; 6] = [
    "read /etc/passwd",
    "read a file outside",
    "list a directory outside",
    "create a file outside",
    "create a file in the app",
    "read the environment of another process",
];

/// What the wall of system calls refuses, at the least.
const CALLS: [&str; 14] = [
    "ptrace",
    "process_vm_readv",
    "bpf",
    "io_uring_setup",
    "perf_event_open",
    "userfaultfd",
    "init_module",
    "mount",
    "setns",
    "unshare",
    "keyctl",
    "socket AF_PACKET",
    "socket AF_NETLINK",
    "make a Unix socket",
];

/// The capabilities for files of other users and for low ports, as bits.
const KEPT_CAPABILITIES: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_guest_finds_every_way_closed() {
    let probe = Probe::start(&["--harden", "require"], true);
    let outcomes = probe.outcomes();
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["blocking", "main", "worker"]);
    for (thread, attempts) in &outcomes {
        assert!(attempts.len() >= 75, "{thread} made {} attempts", attempts.len());
        for (name, code) in attempts {
            assert!(matches!(code, Some(EPERM | EACCES | ENOSYS)), "{thread}: {name}: {code:?}");
        }
        for name in FILES {
            assert_eq!(attempts[name], Some(EACCES), "{thread}: {name}");
        }
        for name in CALLS {
            assert_eq!(attempts[name], Some(ENOSYS), "{thread}: {name}");
        }
        assert_eq!(attempts["connect to another server"], Some(ENOSYS), "{thread}");
        assert_eq!(attempts["raise the limit of core dumps"], Some(EPERM), "{thread}");
    }
    assert_eq!(outcomes["main"]["become another program"], Some(ENOSYS));
    let untouched = [("a", "a"), ("removable", "removable"), ("secret", "secret")];
    assert_eq!(probe.files_outside(), untouched.map(|(name, content)| (name.to_owned(), content.to_owned())));

    let state = probe.state();
    assert_eq!((&*state["NoNewPrivs"], &*state["Seccomp"]), ("1", "2"));
    assert_eq!((&*state["core"], &*state["dumpable"]), ("Some(0),Some(0)", "Some(NotDumpable)"));
    let capabilities = u64::from_str_radix(&state["CapEff"], 16).expect("hexadecimal");
    assert_eq!(capabilities & !KEPT_CAPABILITIES, 0, "{capabilities:x}");

    // The host works as before.
    let id = probe.server.add("echo", &json!({ "args": ["still here"] })).await;
    assert_eq!(probe.server.ended("echo", id).await["response"], json!(["still here"]));
    let metrics = probe.server.text("/metrics").await;
    for name in ["process_resident_memory_bytes", "process_open_fds"] {
        assert!(metrics.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} is missing");
    }
    probe.server.stop();
}

/// With a collector of traces, the host makes connections: to the collector's port and to name servers.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_exports_traces_connects_to_the_collector_alone() {
    let probe = Probe::start(&["--harden", "require", "--otlp-endpoint", "http://127.0.0.1:9"], false);
    for (thread, attempts) in &probe.outcomes() {
        for (name, code) in attempts {
            // By UDP.
            let is_allowed = name == "send to a name server";
            assert!(is_allowed || matches!(code, Some(EPERM | EACCES | ENOSYS)), "{thread}: {name}: {code:?}");
        }
        for (name, code) in [
            ("connect to another server", EACCES),
            ("listen on another port", EACCES),
            ("listen without a port", ENOSYS),
            ("connect by sending", ENOSYS),
            ("connect by another protocol", ENOSYS),
        ] {
            assert_eq!(attempts[name], Some(code), "{thread}: {name}");
        }
    }
    probe.server.stop();
}

#[test]
fn without_the_wall_the_same_attempts_succeed() {
    let probe = Probe::start(&["--harden", "off"], false);
    let outcomes = probe.outcomes();
    // The first thread that tries; the others find its files.
    let attempts = &outcomes["main"];
    for name in [
        "read /etc/passwd",
        "read a file outside",
        "list /",
        "truncate a file outside",
        "create a file outside",
        "create a directory outside",
        "remove a file outside",
        "rename a file outside",
        "create a file in the app",
        "connect to another server",
        "listen on another port",
        "listen without a port",
        "send to a name server",
        "make a Unix socket",
        "start a program",
        "socket AF_NETLINK",
        "kill",
        "memory both writable and executable",
    ] {
        assert_eq!(attempts[name], None, "{name}");
    }
    for name in ["ptrace", "process_vm_readv", "unshare", "setns", "clone3", "setuid"] {
        assert_ne!(attempts[name], Some(ENOSYS), "{name}");
    }
    probe.server.stop();
}
