//! Plugins in every language behave alike: the conformance guest of each is built with the language's own tools and passes
//! the same table. `guests/conformance/README.md` says what the guest does.

#[path = "languages/handlers.rs"]
mod handlers;
#[path = "languages/processors.rs"]
mod processors;

use std::path::{Path, PathBuf};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::saggar;
use serde_json::{Value, json};
use xtask::languages::Languages;

/// A conformance guest, and what languages may differ in.
struct Language {
    /// The component.
    component: PathBuf,
    /// The code of an ordinary error of the language.
    code_of_errors: &'static str,
    /// The detail that says where the error was raised, if the language knows.
    place_of_errors: Option<&'static str>,
    /// Whether ids above 2^53 - 1 are exact; otherwise they are refused with `id-too-large`.
    has_exact_ids: bool,
    /// Whether the guest can write to standard output.
    has_stdout: bool,
}

impl Language {
    /// Returns an app with the guest as the plugin `it`, and a task `journal` that the guest adds jobs to.
    fn app(&self) -> App {
        let component = self.component.to_str().expect("a path in UTF-8");
        App::new().plugin("it", component).task("journal", &json!({ "process": "plugins.it#echo" }))
    }

    /// Returns a task whose processor is this function. An attempt is retried once, at once.
    fn task(function: &str) -> Value {
        json!({ "process": format!("plugins.it#{function}"), "attempts": 1, "attempt_after": 1 })
    }
}

/// The languages' tools, in the target directory.
fn languages() -> Languages {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository");
    let target = Path::new(guests::TARGET_DIR).parent().expect("the guests are in the target directory");
    Languages::new(root, target)
}

async fn conforms(language: Language) {
    processors::conform(&language).await;
    handlers::conform(&language).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rust() {
    let component = guests::CONFORMANCE.into();
    let (code_of_errors, place_of_errors) = ("failed", None);
    conforms(Language { component, code_of_errors, place_of_errors, has_exact_ids: true, has_stdout: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    let component = languages().javascript().expect("the guest builds");
    let (code_of_errors, place_of_errors) = ("exception", Some("stack"));
    conforms(Language { component, code_of_errors, place_of_errors, has_exact_ids: false, has_stdout: false }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let component = languages().python().expect("the guest builds");
    let (code_of_errors, place_of_errors) = ("exception", Some("traceback"));
    conforms(Language { component, code_of_errors, place_of_errors, has_exact_ids: true, has_stdout: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c() {
    let component = component(&languages().c().expect("the guest builds"));
    let (code_of_errors, place_of_errors) = ("failed", None);
    conforms(Language { component, code_of_errors, place_of_errors, has_exact_ids: true, has_stdout: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go() {
    let component = component(&languages().go().expect("the guest builds"));
    let (code_of_errors, place_of_errors) = ("failed", None);
    conforms(Language { component, code_of_errors, place_of_errors, has_exact_ids: true, has_stdout: true }).await;
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
