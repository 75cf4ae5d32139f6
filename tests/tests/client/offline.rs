//! `saggar openapi` and `saggar completions`, which work without a host.

use saggar_tests::program::{CommandOutput, command, output};
use serde_json::Value;

/// Runs a command in an environment in which no host can be reached.
fn alone(arguments: &[&str]) -> CommandOutput {
    output(command().args(arguments).env("SAGGAR_URL", "http://127.0.0.1:1").env("PATH", ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_the_one_of_a_host() {
    let said = alone(&["openapi"]);
    assert_eq!(alone(&["openapi", "--json"]).out, said.out);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let server = super::stage::serve();
    assert_eq!(document, server.get("/openapi.json").await.body);
}

#[test]
fn completions_exist_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = alone(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        for word in ["saggar", "watch", "resume", "attempts"] {
            assert!(said.out.contains(word), "{shell} does not know `{word}`");
        }
        let document: Value = serde_json::from_str(&alone(&["completions", shell, "--json"]).out).unwrap();
        assert_eq!(document, serde_json::json!({ "shell": shell, "script": said.out }));
    }
    assert_eq!(alone(&["completions", "tcsh"]).code, Some(2));
}

/// Bash loads the script, and completes with it.
#[test]
fn bash_completes() {
    let script = alone(&["completions", "bash"]).out;
    let complete = "COMP_WORDS=(saggar can); COMP_CWORD=1; _saggar saggar can saggar; echo \"${COMPREPLY[@]}\"";
    let mut bash = std::process::Command::new("bash");
    let said = output(bash.args(["--norc", "-c", &format!("{script}\n{complete}")]).stdin(std::process::Stdio::null()));
    assert_eq!(said.out, "cancel\n", "{}", said.err);
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    for arguments in [&["openapi"][..], &["completions", "bash"]] {
        let mut child = command();
        let mut child = child.args(arguments).stdout(std::process::Stdio::piped()).spawn().expect("the binary starts");
        drop(child.stdout.take());
        assert!(child.wait().expect("it ends").success(), "{arguments:?}");
    }
}

#[test]
fn an_error_that_cannot_be_printed_is_in_the_exit_code() {
    let mut asked = command();
    asked.args(["get", "echo", "1", "--retry-for", "0s"]).env("SAGGAR_URL", "http://127.0.0.1:1");
    let full = std::fs::File::create("/dev/full").expect("a device that is full");
    assert_eq!(asked.stderr(full).status().expect("the binary starts").code(), Some(3));
}

/// `RUST_LOG` may be set for another program, for which a single word is a module.
#[test]
fn an_invalid_log_level_does_not_stop_a_command() {
    let mut completions = command();
    let said = output(completions.args(["completions", "bash"]).env("RUST_LOG", "my_app"));
    assert!(said.code == Some(0) && said.out.contains("saggar"), "{}", said.err);
    assert!(said.err.contains("warning") && said.err.contains("RUST_LOG=my_app"), "{}", said.err);
}
