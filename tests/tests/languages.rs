//! Plugins in every language, and scripts, behave alike: the conformance guest of each is built with the language's own tools
//! and passes the same table. `guests/conformance/README.md` says what the guest does.

#[path = "languages/added_ids.rs"]
mod added_ids;
#[path = "languages/asynchronous.rs"]
mod asynchronous;
#[path = "languages/capabilities.rs"]
mod capabilities;
#[path = "languages/handlers.rs"]
mod handlers;
#[path = "languages/key_values.rs"]
mod key_values;
#[path = "languages/processors.rs"]
mod processors;
#[path = "languages/replays.rs"]
mod replays;
#[allow(dead_code, reason = "the tests of replays use the rest")]
#[path = "replay/rerun.rs"]
mod rerun;
#[allow(dead_code, reason = "the tests of the client use the rest")]
#[path = "../../host/crates/http-client/tests/exchanges/server.rs"]
mod server;
#[path = "languages/uncaught.rs"]
mod uncaught;

use std::path::{Path, PathBuf};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use saggar_tests::program::saggar;
use serde_json::{Value, json};
use xtask::languages::Languages;

/// What a task has that does not ask for memory.
const DEFAULT_MEMORY: &str = "64MiB";

/// A conformance guest, and what languages may differ in.
struct Language {
    guest: Guest,
    /// The code of an ordinary error of the language.
    code_of_errors: &'static str,
    /// The detail that says where the error was raised, if the language knows.
    place_of_errors: Option<&'static str>,
    /// Whether ids above 2^53 - 1 are exact; otherwise they are refused with `id-too-large`.
    has_exact_ids: bool,
    /// Whether the guest can write to standard output.
    has_stdout: bool,
    /// The memory of a sandbox that texts of 2 MiB fit into, job after job.
    memory_of_large_texts: &'static str,
    /// Whether the guest uses every capability: the SDKs for C and Go send no requests over HTTP.
    has_every_capability: bool,
}

/// The form in which an app has the guest.
enum Guest {
    /// The plugin `it`.
    Component(PathBuf),
    /// The script `conformance`. A script knows nothing of its job but the id, and a function that it does not have is found
    /// when the app is loaded.
    Script(&'static str),
}

impl Language {
    /// Describes a guest with exact ids, standard output and every capability.
    fn exact(guest: Guest, code_of_errors: &'static str, place_of_errors: Option<&'static str>) -> Self {
        Self { has_exact_ids: true, has_stdout: true, ..Self::new(guest, code_of_errors, place_of_errors) }
    }

    /// Describes a guest with inexact ids and every capability, without standard output.
    fn new(guest: Guest, code_of_errors: &'static str, place_of_errors: Option<&'static str>) -> Self {
        let (has_exact_ids, has_stdout, has_every_capability) = (false, false, true);
        let memory_of_large_texts = DEFAULT_MEMORY;
        Self {
            guest,
            code_of_errors,
            place_of_errors,
            has_exact_ids,
            has_stdout,
            memory_of_large_texts,
            has_every_capability,
        }
    }

    /// Returns an app with the guest, and a task `journal` that the guest adds jobs to.
    fn app(&self) -> App {
        let app = match &self.guest {
            Guest::Component(path) => App::new().plugin("it", path.to_str().expect("a path in UTF-8")),
            Guest::Script(text) => App::new().script("conformance", text),
        };
        app.task("journal", &json!({ "process": self.reference("echo") }))
    }

    /// Returns the reference to a function of the guest.
    fn reference(&self, function: &str) -> String {
        match self.guest {
            Guest::Component(_) => format!("plugins.it#{function}"),
            Guest::Script(_) => format!("scripts.conformance.{function}"),
        }
    }

    /// Returns a task whose processor is this function. An attempt is retried once, at once.
    fn task(&self, function: &str) -> Value {
        json!({ "process": self.reference(function), "attempts": 1, "attempt_after": 1 })
    }

    /// Returns the code of a job that looks up an id that is not exact. A script gets an exception, as for any argument
    /// of `Process` that is wrong.
    fn code_of_large_id(&self) -> &'static str {
        if self.is_script() { self.code_of_errors } else { "id-too-large" }
    }

    /// Returns whether the guest has the function `files`: languages with a C library use their own files and variables.
    fn has_files(&self) -> bool {
        self.has_stdout
    }

    fn is_script(&self) -> bool {
        matches!(self.guest, Guest::Script(_))
    }
}

/// The languages' tools, in the target directory.
fn languages() -> Languages {
    let target = Path::new(guests::TARGET_DIR).parent().expect("the guests are in the target directory");
    Languages::new(repository(), target)
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository")
}

async fn conforms(language: Language) {
    processors::conform(&language).await;
    handlers::conform(&language).await;
    added_ids::conform(&language).await;
    key_values::conform(&language).await;
    replays::conform(&language).await;
    if language.has_every_capability {
        capabilities::conform(&language).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rust() {
    let guest = Guest::Component(guests::CONFORMANCE.into());
    let (code_of_errors, place_of_errors) = ("failed", None);
    conforms(Language::exact(guest, code_of_errors, place_of_errors)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    let guest = Guest::Component(languages().javascript().expect("the guest builds"));
    let (code_of_errors, place_of_errors) = ("exception", Some("stack"));
    conforms(Language::new(guest, code_of_errors, place_of_errors)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_with_web_apis() {
    let guest = Guest::Component(languages().javascript_with_web_apis().expect("the guest builds"));
    let (code_of_errors, place_of_errors) = ("exception", Some("stack"));
    // The first such text makes its engine's heap 80 MiB large, and the 32nd 160 MiB.
    let memory_of_large_texts = "256MiB";
    let language = Language { memory_of_large_texts, ..Language::new(guest, code_of_errors, place_of_errors) };
    let host = TestHost::start(language.app().task("web", &language.task("web"))).await;
    let expected = json!({ "host": "example.org", "q": "a b", "bytes": [0xc3, 0xbc] });
    assert_eq!(host.response("web", json!(["https://example.org/x?q=a+b"])).await, expected);
    host.shutdown().await;
    conforms(language).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let guest = Guest::Component(languages().python().expect("the guest builds"));
    let (code_of_errors, place_of_errors) = ("exception", Some("traceback"));
    conforms(Language::exact(guest, code_of_errors, place_of_errors)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c() {
    let guest = Guest::Component(component(&languages().c().expect("the guest builds")));
    let (code_of_errors, place_of_errors) = ("failed", None);
    let language = Language::exact(guest, code_of_errors, place_of_errors);
    conforms(Language { has_every_capability: false, ..language }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go() {
    let guest = Guest::Component(component(&languages().go().expect("the guest builds")));
    let (code_of_errors, place_of_errors) = ("failed", None);
    let language = Language::exact(guest, code_of_errors, place_of_errors);
    conforms(Language { has_every_capability: false, ..language }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn script() {
    let guest = Guest::Script(include_str!("../guests/conformance/script/conformance.js"));
    let (code_of_errors, place_of_errors) = ("exception", Some("stack"));
    conforms(Language::new(guest, code_of_errors, place_of_errors)).await;
}

/// Makes a component of a core module with the command for it.
fn component(core: &Path) -> PathBuf {
    let component = core.with_extension("").with_extension("wasm");
    let made = saggar(["component".as_ref(), core.as_os_str(), "-o".as_ref(), component.as_os_str()]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    component
}

/// The SDKs' own tests, which need no host.
#[test]
fn the_sdks_pass_their_own_tests() {
    let languages = languages();
    languages.test_javascript().expect("the tests of guest-sdk/js pass");
    languages.test_python().expect("the tests of guest-sdk/python pass");
    languages.test_c().expect("the tests of guest-sdk/c pass");
    languages.test_go().expect("the tests of guest-sdk/go pass");
}
