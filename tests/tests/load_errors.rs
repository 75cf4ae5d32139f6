//! Components that a host must refuse: incompatible with the contract, malformed, or native code. Each error says what
//! was found and, if useful, what was expected. Loading such a component does no harm.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use saggar::Allocator;
use saggar_tests::app::{App, plugin_file};
use saggar_tests::crafted::{cut_every_4_kib, incompatible, malformed};
use saggar_tests::host::{Start, TestHost};
use saggar_tests::memory::Growth;
use saggar_tests::{foreach_incompatible, foreach_malformed, guests};
use serde_json::json;

macro_rules! assert_tests_exist {
    ($($name:ident)*) => { $(
        #[expect(unused_imports, reason = "only its existence matters")]
        use self::$name as _;
    )* };
}

foreach_incompatible!(assert_tests_exist);
foreach_malformed!(assert_tests_exist);

/// The limit of what a forged entry of a gigabyte leaves behind. The other tests of this process allocate memory, too.
const LEFT_OF_A_GIGABYTE: u64 = 256 << 20;

/// Returns the SHA-256 digest.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}

/// Returns the error of a host that refuses an app whose only task uses this component for `key` (`process` or an
/// event).
async fn refusal_as(key: &str, component: &[u8]) -> String {
    let task = match key.strip_prefix("event.") {
        None => json!({ "process": "plugins.bad" }),
        Some(event) => json!({ "process": "plugins.good", "event": { event: "plugins.bad" } }),
    };
    let app = App::new().plugin_bytes("bad", component).plugin("good", guests::ECHO).task("it", &task);
    let why = TestHost::try_start(app, Start::confined()).await.err().expect("a host loaded it");
    // The problem is at the reference in the task's file, and names the component's file.
    assert!(why.contains("tasks/it.json:1:") && why.contains("plugins/bad.wasm"), "{why}");
    why
}

async fn refusal(component: &[u8]) -> String {
    refusal_as("process", component).await
}

/// Asserts that the error for an incompatible component contains all fragments.
async fn incompatible_is_refused(name: &str, fragments: &[&str]) {
    let why = refusal(&incompatible(name).expect("the component can be built")).await;
    fragments.iter().for_each(|fragment| assert!(why.contains(fragment), "no `{fragment}` in:\n{why}"));
}

/// Asserts that the error for a malformed file contains the fragment.
async fn malformed_is_refused(name: &str, fragment: &str) {
    let good = fs::read(guests::ECHO).expect("the guests have been built");
    let why = refusal(&malformed(name, &good).expect("the file can be built")).await;
    assert!(why.contains(fragment), "no `{fragment}` in:\n{why}");
}

const PROCESSOR: &str = "saggar:task/processor@0.1.0";

/// First kind: a missing interface.
#[tokio::test]
async fn without_any_export() {
    incompatible_is_refused("without_any_export", &[PROCESSOR, "does not export", "nothing"]).await;
}

#[tokio::test]
async fn with_process_at_world_level() {
    incompatible_is_refused("with_process_at_world_level", &[PROCESSOR, "does not export", "`process`"]).await;
}

#[tokio::test]
async fn a_component_of_another_role() {
    let ids = fs::read(guests::IDS).unwrap();
    let why = refusal(&ids).await;
    assert!(why.contains(PROCESSOR) && why.contains("saggar:task/id-source@0.1.0"), "{why}");
    for (event, interface) in [
        ("add", "add-handler"),
        ("progress", "progress-handler"),
        ("success", "success-handler"),
        ("error", "error-handler"),
    ] {
        let why = refusal_as(&format!("event.{event}"), &ids).await;
        assert!(why.contains(&format!("saggar:task/{interface}@0.1.0")), "{why}");
    }
    let why = refusal_as("event.next", &fs::read(guests::ECHO).unwrap()).await;
    assert!(why.contains("saggar:task/id-source@0.1.0"), "{why}");
}

/// Second kind: a wrong signature.
#[tokio::test]
async fn with_another_signature() {
    let wanted = "func(id: u64, args: string) -> result<string, ";
    incompatible_is_refused("with_another_signature", &["process", "func(args: string) -> string", wanted]).await;
}

#[tokio::test]
async fn with_another_failure() {
    incompatible_is_refused("with_another_failure", &["process", "u32>", "u64>"]).await;
}

#[tokio::test]
async fn with_another_imported_signature() {
    incompatible_is_refused("with_another_imported_signature", &["saggar:task/log@0.1.0", "write"]).await;
}

/// Third kind: an import that the host does not have.
#[tokio::test]
async fn with_an_unknown_interface() {
    incompatible_is_refused("with_an_unknown_interface", &["acme:secrets/vault@1.0.0", "imports"]).await;
}

/// The host has it for its own script runner only.
#[tokio::test]
async fn with_the_source_of_scripts() {
    let parts = ["saggar:script/source@0.1.0", "imports what this host does not provide"];
    incompatible_is_refused("with_the_source_of_scripts", &parts).await;
}

#[tokio::test]
async fn with_an_unknown_function() {
    incompatible_is_refused("with_an_unknown_function", &["saggar:task/context@0.1.0", "tenant-secret"]).await;
}

/// Fourth kind: a wrong version.
#[tokio::test]
async fn with_wasi_0_3() {
    incompatible_is_refused("with_wasi_0_3", &["wasi:clocks/monotonic-clock@0.3.0", "@0.2"]).await;
}

#[tokio::test]
async fn with_imports_of_0_2() {
    incompatible_is_refused("with_imports_of_0_2", &["saggar:task/progress@0.2.0", "saggar:task/progress@0.1.0"]).await;
}

#[tokio::test]
async fn with_an_export_of_0_2() {
    incompatible_is_refused("with_an_export_of_0_2", &["saggar:task/processor@0.2.0", PROCESSOR]).await;
}

#[tokio::test]
async fn of_0_2() {
    incompatible_is_refused("of_0_2", &["saggar:task/types@0.2.0", "saggar:task/types@0.1.0"]).await;
}

#[tokio::test]
async fn of_0_3() {
    incompatible_is_refused("of_0_3", &["saggar:task/types@0.3.0", "saggar:task/types@0.1.0"]).await;
}

#[tokio::test]
async fn empty_file() {
    malformed_is_refused("empty_file", "empty").await;
}

#[tokio::test]
async fn not_wasm() {
    malformed_is_refused("not_wasm", "not WebAssembly").await;
}

#[tokio::test]
async fn core_module() {
    malformed_is_refused("core_module", "core WebAssembly module, not a component").await;
}

#[tokio::test]
async fn text_format() {
    malformed_is_refused("text_format", "text format").await;
}

#[tokio::test]
async fn native_code() {
    malformed_is_refused("native_code", "not WebAssembly").await;
}

#[tokio::test]
async fn invalid_code() {
    malformed_is_refused("invalid_code", "not a valid component").await;
}

#[tokio::test]
async fn trailing_bytes() {
    malformed_is_refused("trailing_bytes", "not a valid component").await;
}

#[tokio::test]
async fn flipped_bits() {
    malformed_is_refused("flipped_bits", "not a valid component").await;
}

/// A file of this size is refused without being read.
#[tokio::test]
async fn hundred_megabytes() {
    let bytes = malformed("hundred_megabytes", &fs::read(guests::ECHO).unwrap()).unwrap();
    let app = App::new().plugin_bytes("bad", &bytes).task("it", &json!({ "process": "plugins.bad" }));
    drop(bytes);
    let growth = Growth::watch();
    let why = TestHost::try_start(app, Start::confined()).await.err().expect("a host loaded it");
    assert!(why.contains("bytes; at most"), "{why}");
    // The other tests of this process allocate memory, too.
    assert!(growth.peak_bytes() < 90 << 20, "it was read: {} bytes more", growth.peak_bytes());
}

#[tokio::test]
async fn fifty_thousand_functions() {
    malformed_is_refused("fifty_thousand_functions", "more than").await;
}

#[tokio::test]
async fn one_huge_function() {
    malformed_is_refused("one_huge_function", "bytes in one function").await;
}

/// The number of types is within the limit, so the error is the missing export.
#[tokio::test]
async fn fifty_thousand_types() {
    malformed_is_refused("fifty_thousand_types", "does not export").await;
}

/// Parsing it does not overflow the stack.
#[tokio::test]
async fn deeply_nested() {
    malformed_is_refused("deeply_nested", "more than 100 nested components and modules").await;
}

#[tokio::test]
async fn a_file_cut_at_every_4_kib() {
    let good = fs::read(guests::RECORDER).unwrap();
    let mut app = App::new();
    let mut cuts = 0;
    for cut in cut_every_4_kib(&good) {
        let name = format!("cut{cuts}");
        app = app.plugin_bytes(&name, cut).task(&name, &json!({ "process": format!("plugins.{name}") }));
        cuts += 1;
    }
    assert!(cuts >= 10, "the component is too small to be cut: {} bytes", good.len());
    let why = TestHost::try_start(app, Start::confined()).await.err().expect("a host loaded a part of a component");
    for number in 0..cuts {
        assert!(why.contains(&format!("plugins/cut{number}.wasm: this is not a valid component")), "{number}: {why}");
    }
}

/// Native code from outside is refused, even if the host itself has compiled it.
#[tokio::test]
async fn the_hosts_own_native_code() {
    let cache = tempfile::tempdir().unwrap();
    let start = Start { cache_dir: Some(cache.path().join("compiled")), ..Start::default() };
    let host = TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start).await;
    host.shutdown().await;
    let entries = fs::read_dir(cache.path().join("compiled")).unwrap();
    let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let stored = fs::read(&files[0]).unwrap();
    let elf = stored.windows(4).position(|bytes| bytes == b"\x7fELF").expect("compiled code is an object file");
    let why = refusal(&stored[elf..]).await;
    assert!(why.contains("precompiled native code"), "{why}");
    refusal(&stored).await;
}

/// A damaged cache entry is compiled again, without an error.
#[tokio::test]
async fn a_damaged_cache() {
    let cache = tempfile::tempdir().unwrap();
    let dir = cache.path().join("compiled");
    let start = Start { cache_dir: Some(dir.clone()), ..Start::default() };
    for damage in [None, Some(Vec::new()), Some(b"\x7fELF".repeat(1000)), Some(vec![0; 100_000])] {
        if let Some(damage) = damage {
            let file = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
            fs::write(file, damage).unwrap();
        }
        let host = TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start.clone()).await;
        assert_eq!(host.response("echo", json!([1])).await, json!([1]));
        host.shutdown().await;
    }
}

/// Cached native code is used only if this user's host compiled it from this very plugin.
#[tokio::test]
async fn a_forged_cache_entry_is_not_used() {
    let (cache, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start = Start { cache_dir: Some(cache.path().to_owned()), ..Start::default() };
    let entry = || fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let host = TestHost::start_as(App::new().simple_task("ids", guests::EMPTY), start.clone()).await;
    host.shutdown().await;
    // An authentic entry of another plugin, and the same code with the plain checksum that once was sufficient.
    let of_another = fs::read(entry()).unwrap();
    fs::remove_file(entry()).unwrap();
    let checksum = [&sha256(&of_another[32..])[..], &of_another[32..]].concat();
    let echo = async |start: Start| {
        let host = TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start).await;
        assert_eq!(host.response("echo", json!([1])).await, json!([1]));
        host.shutdown().await;
    };
    echo(start.clone()).await;
    let good = fs::read(entry()).unwrap();
    for forged in [&of_another, &checksum] {
        fs::write(entry(), forged).unwrap();
        echo(start.clone()).await;
        assert!(fs::read(entry()).unwrap() == good, "the forged entry was not replaced");
    }
    // An entry of another user, with another key.
    echo(Start { state_dir: Some(elsewhere.path().to_owned()), ..start.clone() }).await;
    let of_another_user = fs::read(entry()).unwrap();
    assert!(of_another_user != good && of_another_user[32..] == good[32..], "the same code under another key");
    echo(start).await;
    assert!(fs::read(entry()).unwrap() == good, "the other user's entry was used");
}

/// An entry that is larger than any code is not read.
#[tokio::test]
async fn a_forged_cache_entry_of_a_gigabyte_takes_no_memory() {
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let cache = tempfile::tempdir().unwrap();
        let start = Start { cache_dir: Some(cache.path().to_owned()), allocator, ..Start::default() };
        let entry = || fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
        let echo = async || {
            let host = TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start.clone()).await;
            assert_eq!(host.response("echo", json!([1])).await, json!([1]));
            host.shutdown().await;
        };
        echo().await;
        let good = fs::read(entry()).unwrap();
        fs::OpenOptions::new().write(true).open(entry()).unwrap().set_len(1 << 30).unwrap();
        let growth = Growth::watch();
        echo().await;
        let during = growth.peak_bytes();
        let after = growth.bytes_within(LEFT_OF_A_GIGABYTE, async || echo().await).await;
        println!("{allocator:?}: {} MiB more at the peak, {} MiB afterwards", during >> 20, after >> 20);
        // The other tests of this process allocate memory, too.
        assert!(during < 512 << 20, "{allocator:?}: it was read: {during} bytes more");
        assert!(after <= LEFT_OF_A_GIGABYTE, "{allocator:?}: it is still in memory: {after} bytes more");
        assert!(fs::read(entry()).unwrap() == good, "{allocator:?}: the forged entry was not replaced");
    }
}

/// Without a key nothing can be authenticated, so nothing is cached.
#[tokio::test]
async fn without_a_key_nothing_is_cached() {
    let cache = tempfile::tempdir().unwrap();
    let start = Start { cache_dir: Some(cache.path().to_owned()), state_dir: None, ..Start::default() };
    TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start).await.shutdown().await;
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

/// Each plugin runs in the engine that loaded it, even if another engine compiled it.
#[tokio::test]
async fn two_hosts_of_one_process_do_not_mix_their_engines() {
    let cache = tempfile::tempdir().unwrap();
    let start = Start { cache_dir: Some(cache.path().to_owned()), ..Start::default() };
    let host = async || TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start.clone()).await;
    let (first, second) = (host().await, host().await);
    assert_eq!(first.response("echo", json!([1])).await, json!([1]));
    assert_eq!(second.response("echo", json!([2])).await, json!([2]));
    first.shutdown().await;
    drop(first);
    assert_eq!(second.response("echo", json!([3])).await, json!([3]));
    second.shutdown().await;
}

/// A directory that other users can read is restricted to its owner, and used again at the next start.
#[tokio::test]
async fn a_world_readable_cache_directory_is_restricted_and_used() {
    let cache = tempfile::tempdir().unwrap();
    let start = Start { cache_dir: Some(cache.path().to_owned()), ..Start::default() };
    let mode = || fs::metadata(cache.path()).unwrap().permissions().mode() & 0o777;
    let written =
        || fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().metadata().unwrap().modified().unwrap();
    let mut first = None;
    for lax in [0o755, 0o775, 0o777] {
        fs::set_permissions(cache.path(), fs::Permissions::from_mode(lax)).unwrap();
        TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start.clone()).await.shutdown().await;
        assert_eq!(mode(), 0o700);
        assert_eq!(*first.get_or_insert_with(written), written(), "it was recompiled");
    }
}

#[tokio::test]
async fn missing_and_special_plugin_files_are_refused() {
    let app = || App::new().task("it", &json!({ "process": "plugins.bad" }));
    let refused = async |app: App| TestHost::try_start(app, Start::confined()).await.err().expect("a host loaded it");
    let missing = refused(app()).await;
    assert!(missing.contains("plugins/bad.wasm does not exist"), "{missing}");
    let near = refused(app().plugin("bat", guests::ECHO)).await;
    assert!(near.contains("plugins.bat"), "{near}");
    let folder = app();
    fs::create_dir_all(folder.path().join(plugin_file("bad"))).unwrap();
    let folder = refused(folder).await;
    assert!(folder.contains("cannot read"), "{folder}");
    let pipe = app();
    let made = std::process::Command::new("mkfifo").arg(pipe.path().join(plugin_file("bad"))).status();
    assert!(made.unwrap().success());
    let pipe = refused(pipe).await;
    assert!(pipe.contains("cannot read"), "{pipe}");
}
