//! The dashboard's files over HTTP: their headers, encodings and options; and the tests of its pure modules, which Node runs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::output_within;
use saggar_tests::raw::RawAnswer;
use saggar_tests::server::Server;

fn server(arguments: &[&str]) -> (App, Server) {
    let app = App::new().simple_task("echo", guests::ECHO);
    let server = Server::start(&app, &[&["--store", "memory"][..], arguments].concat());
    (app, server)
}

fn get(server: &Server, path: &str, headers: &str) -> RawAnswer {
    server.raw(server.head(&format!("GET {path}"), headers))
}

fn header<'a>(answer: &'a RawAnswer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn file(path: &str) -> String {
    format!("/ui/{}/{path}", saggar_dashboard::BUILD)
}

#[test]
fn every_file_is_served_with_its_type_and_in_both_encodings() {
    let (_app, server) = server(&[]);
    let page = saggar_dashboard::index();
    let all = saggar_dashboard::assets().iter().map(|asset| (file(asset.path), asset)).chain([("/".to_owned(), page)]);
    for (path, asset) in all {
        let plain = get(&server, &path, "");
        assert_eq!((plain.status, header(&plain, "content-type")), (200, Some(asset.media_type)), "{path}");
        assert!(plain.body == asset.bytes, "{path}");
        let compressed = get(&server, &path, "accept-encoding: br, gzip\r\n");
        assert_eq!(header(&compressed, "content-encoding"), Some("gzip"), "{path}");
        assert!(compressed.body == asset.gzip, "{path}");
        let tag = header(&compressed, "etag").expect("a tag").to_owned();
        assert_ne!(Some(tag.as_str()), header(&plain, "etag"), "{path}");
        let known = get(&server, &path, &format!("accept-encoding: gzip\r\nif-none-match: {tag}\r\n"));
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
    }
}

#[test]
fn the_page_runs_nothing_but_its_own_files() {
    let (_app, server) = server(&[]);
    for path in ["/".to_owned(), file("main.js")] {
        let answer = get(&server, &path, "accept: text/html,*/*;q=0.8\r\n");
        let policy = header(&answer, "content-security-policy").expect("a policy");
        assert_eq!(policy, saggar_dashboard::policy().to_ascii_lowercase(), "{path}");
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(header(&answer, "cross-origin-resource-policy"), Some("same-origin"), "{path}");
        let caching = if path == "/" { "no-cache" } else { "public, max-age=31536000, immutable" };
        assert_eq!(header(&answer, "cache-control"), Some(caching), "{path}");
    }
}

#[test]
fn browsers_do_not_guess_what_an_answer_is() {
    let (_app, server) = server(&[]);
    for (path, status) in [("/", 200), ("/healthz", 200), ("/v1/tasks", 200), ("/v1/jobs/x", 404), ("/v2", 404)] {
        let answer = get(&server, path, "");
        assert_eq!((answer.status, header(&answer, "x-content-type-options")), (status, Some("nosniff")), "{path}");
    }
    let malformed = server.raw("GET\r\n\r\n");
    assert_eq!(header(&malformed, "x-content-type-options"), Some("nosniff"));
}

#[test]
fn other_paths_builds_and_programs_get_a_problem() {
    let (_app, server) = server(&[]);
    for path in [
        "/ui/0123456789abcdef/main.js",
        "/ui/",
        "/ui",
        &file("missing.js"),
        &file("../main.js"),
        &file(""),
        "/ui/%ff/%00",
    ] {
        assert_eq!(get(&server, path, "").code(), "unknown-route", "{path}");
    }
    assert_eq!(get(&server, "/", "accept: application/json\r\n").code(), "unknown-route");
    assert_eq!(server.raw(server.head("DELETE /", "")).code(), "unknown-route");
}

/// A link on another site may lead to the page. It cannot use the API.
#[test]
fn a_link_of_another_site_opens_the_page_and_nothing_else() {
    let (_app, server) = server(&[]);
    let foreign = "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n";
    assert_eq!(get(&server, "/", foreign).status, 200);
    assert_eq!(get(&server, "/v1/tasks", foreign).code(), "foreign-origin");
    // A name that resolves to this machine.
    let rebound = "GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    assert_eq!(server.raw(rebound).code(), "foreign-origin");
}

#[test]
fn it_can_be_left_out_or_served_from_a_folder() {
    let (_app, without) = server(&["--no-dashboard"]);
    assert_eq!(get(&without, "/", "").code(), "unknown-route");
    assert_eq!(get(&without, &file("main.js"), "").code(), "unknown-route");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("index.html"), "<script type=\"importmap\">{}</script>@build@").expect("a file");
    std::fs::write(folder.path().join("main.js"), "1").expect("a file");
    std::fs::write(folder.path().join("secret"), "2").expect("a file");
    let (_app, edited) = server(&["--dashboard-dir", folder.path().to_str().expect("a path in UTF-8")]);
    let page = get(&edited, "/", "");
    assert_eq!(page.body, b"<script type=\"importmap\">{}</script>edited");
    assert!(header(&page, "content-security-policy").is_some_and(|policy| policy.contains("'sha256-")));
    assert_eq!(get(&edited, "/ui/edited/main.js", "").body, b"1");
    std::fs::write(folder.path().join("main.js"), "3").expect("a file");
    assert_eq!(get(&edited, "/ui/edited/main.js", "").body, b"3");
    for path in ["/ui/edited/secret", "/ui/edited/none.js", "/ui/edited/../../etc/passwd", "/ui/edited/%2e%2e/a.js"] {
        assert_eq!(get(&edited, path, "").code(), "unknown-route", "{path}");
    }
}

#[test]
fn its_modules_do_what_their_tests_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = std::fs::read_dir(root.join("tests/dashboard/unit")).expect("the tests");
    let files = entries.map(|entry| entry.expect("an entry").path());
    // Versions of Node differ in how they look for tests in a folder.
    let tests: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    assert!(tests.len() >= 6, "the tests have moved: {tests:?}");
    let mut node = Command::new("node");
    node.args(["--import", "./tests/dashboard/unit/register.mjs", "--test"]).args(tests).current_dir(root);
    let said = output_within(&mut node, Duration::from_secs(120));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}
