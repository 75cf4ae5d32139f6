//! Output on a terminal: lines that fit, a live view, and no escape sequences of a guest.

use std::process::Stdio;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{command, output};
use serde_json::json;

use super::stage::{RunningCommand, ask, ask_well, client, feed, on_terminal, serve, steady, terminal};

const BEHAVIOURS: [&str; 4] = ["print_escapes", "log_escapes", "fail_with_escapes", "report_escapes"];

/// The byte of Ctrl-C, which the terminal turns into a signal.
const CTRL_C: &str = "\u{3}";

fn is_treacherous(c: char) -> bool {
    let is_hidden = matches!(c, '\u{202a}'..='\u{202e}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}');
    c != '\n' && (c.is_control() || is_hidden)
}

#[test]
fn tables_fit() {
    let server = serve();
    ask(&server, &["add", "failing", "reject", "9", "0", "--key", "k", "--wait"]);
    ask_well(&server, &["add", "progress", "2", &format!("\"{}\"", "日本 long ".repeat(20)), "--wait"]);
    for command in [&["list"][..], &["stats"], &["tasks"]] {
        let said = on_terminal(&server, command);
        assert_eq!(said.code, Some(0), "{said:?}");
        // Each of these letters is two columns wide.
        let width = |line: &str| line.chars().map(|c| if c > '\u{2e80}' { 2 } else { 1 }).sum::<usize>();
        assert!(said.out.lines().all(|line| width(line) <= 80), "{}", said.out);
    }
    insta::assert_snapshot!("list", steady(&on_terminal(&server, &["list"]).out));
}

#[test]
fn guest_output_is_escaped() {
    let server = serve();
    for (at, behaviour) in BEHAVIOURS.iter().enumerate() {
        let said = ask(&server, &["add", "words", behaviour, "--wait"]);
        assert!(!(said.out + &said.err).contains(is_treacherous), "{behaviour}");
        let id = (at + 1).to_string();
        for command in [
            &["get", "words", &id][..],
            &["get", "words", &id, "--json"],
            &["get", "words", &id, "--attempts"],
            &["logs", "words", &id],
            &["logs", "-f", "words", &id],
            &["logs", "words", &id, "--json"],
        ] {
            let said = on_terminal(&server, command);
            assert_eq!(said.code, Some(0), "{command:?}: {said:?}");
            assert!(!said.out.contains(is_treacherous), "{command:?} of {behaviour}: {:?}", said.out);
        }
    }
    let said = on_terminal(&server, &["list", "--task", "words"]);
    assert!(said.out.contains(r"\u{1b}[2J") && !said.out.contains(is_treacherous), "{:?}", said.out);
}

/// Text from a client is escaped, too.
#[test]
fn text_from_a_client_is_escaped() {
    let server = serve();
    let evil = "\u{1b}]0;owned\u{7}\u{202e}\u{9b}31m\u{7f}\u{61c}\u{e0041}";
    let added = feed(&server, &["add", "mail.send", "--file", "-", "--wait"], format!("{}\n", json!([evil])));
    assert_eq!(added.code, Some(0), "{}", added.err);
    for command in [&["get", "mail.send", "1"][..], &["get", "mail.send", "1", "--json"]] {
        let said = on_terminal(&server, command);
        assert!(said.code == Some(0) && !said.out.contains(is_treacherous), "{command:?}: {said:?}");
    }
    // Programs get the document unchanged.
    let document: serde_json::Value =
        serde_json::from_str(&ask_well(&server, &["get", "mail.send", "1", "--json"])).unwrap();
    assert_eq!((&document["response"], &document["args"]), (&json!([evil]), &json!([evil])));
}

/// Escapes are also removed from the output of `saggar run`.
#[test]
fn responses_are_escaped_by_run() {
    let app = App::new().simple_task("echo", guests::ECHO);
    for json in [&[][..], &["--json"]] {
        let mut run = command();
        run.arg("run").arg(app.path()).args(json).args(["echo", "\u{9b}31m\u{202e}\u{7f}"]);
        let said = output(&mut terminal(&run));
        assert_eq!(said.code, Some(0), "{said:?}");
        let out = said.out.replace("\r\n", "\n");
        assert!(out.contains("u009b31m") && !out.contains(is_treacherous), "{out:?}");
    }
}

/// The view has a line for each task with its counts, a bar for each running job, and a line of its own for each
/// failure.
#[test]
fn a_watch_is_drawn() {
    let server = serve();
    ask_well(&server, &["add", "gated", "keys", "2"]);
    ask_well(&server, &["add", "keys"]);
    let mut watching =
        RunningCommand::start(&mut terminal(client(&server, &["watch"]).env("SAGGAR_RETRY_FOR", "300ms")));
    watching.until_drawn("gated#1");
    watching.until_drawn("0/1 at the gate");
    ask(&server, &["add", "failing", "reject", "9", "0", "--wait"]);
    watching.until_drawn("failed     rejected");
    watching.until_drawn("1 failure");
    ask(&server, &["add", "words", "report_escapes", "--wait"]);
    ask_well(&server, &["add", "keys"]);
    watching.until_drawn("words");
    watching.until_drawn("1 success");
    server.stop();
    watching.until_drawn("lost the connection");
    let said = watching.end();
    assert_eq!(said.code, Some(3), "{}", said.out);
    assert!(!said.out.contains("\u{1b}]0;owned"), "{:?}", said.out);
}

/// Returns the lines that a terminal of 80 columns shows after this output; supports the features that views use.
fn shown(written: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                let mut count = String::new();
                let command = rest.by_ref().find(|c| {
                    count.extend(Some(*c).filter(char::is_ascii_digit));
                    c.is_ascii_alphabetic()
                });
                let count = count.parse().unwrap_or(1);
                match command {
                    Some('A') => row = row.saturating_sub(count),
                    Some('B') => row += count,
                    Some('K') => lines[row].clear(),
                    _ => {}
                }
            }
            '\r' => column = 0,
            '\n' => row += 1,
            c => {
                (row, column) = if column == 80 { (row + 1, 0) } else { (row, column) };
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
}

/// The view at the time of the interrupt stays readable.
#[test]
fn an_interrupted_watch_leaves_its_last_view() {
    let server = serve();
    ask_well(&server, &["add", "gated", "keys", "1"]);
    let mut watching = RunningCommand::start(terminal(&client(&server, &["watch"])).stdin(Stdio::piped()));
    watching.until_drawn("gated#1");
    watching.until_drawn("0/1 at the gate");
    watching.until_drawn("1 running");
    // In the middle of a view, the `^C` that the terminal prints would shift the rest of it down.
    watching.until_still();
    watching.write(CTRL_C);
    let said = watching.end();
    assert_eq!(said.code, Some(130), "{}", said.out);
    let shown = shown(&said.out);
    for task in ["failing ", "gated ", "keys ", "words "] {
        let lines = shown.iter().filter(|line| line.starts_with(task) && line.contains("waiting")).count();
        assert_eq!(lines, 1, "{task}: {shown:#?}");
    }
    let bars: Vec<_> = shown.iter().filter(|line| line.contains("gated#1")).collect();
    assert!(bars.len() == 1 && bars[0].contains("0/1 at the gate"), "{shown:#?}");
}

/// On a terminal without cursor movement, `watch` prints lines.
#[test]
fn a_watch_on_a_dumb_terminal_prints_lines() {
    let server = serve();
    let mut watch = terminal(&client(&server, &["watch"]));
    let mut watching = RunningCommand::start(watch.env("TERM", "dumb").stdin(Stdio::piped()));
    watching.until_drawn("watching");
    ask_well(&server, &["add", "mail.send", "x", "--wait"]);
    watching.until("added");
    watching.until("succeeded");
    watching.write(CTRL_C);
    let said = watching.end();
    assert!(said.code == Some(130) && !said.out.contains('\u{1b}'), "{:?}", said.out);
}

#[test]
fn a_progress_bar_is_drawn_while_a_job_is_awaited() {
    let server = serve();
    let mut adding = RunningCommand::start(&mut terminal(&client(&server, &["add", "gated", "keys", "1", "--wait"])));
    adding.until_drawn("at the gate");
    ask_well(&server, &["add", "keys"]);
    let said = adding.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("\"through\""), "{:?}", said.out);
}

/// A header is bold, unless colours are disabled.
#[test]
fn colours_are_disabled_by_no_color() {
    let server = serve();
    let tasks = client(&server, &["tasks"]);
    let plain = output(&mut terminal(&tasks));
    assert!(plain.code == Some(0) && !plain.out.contains('\u{1b}'), "{:?}", plain.out);
    // An empty variable counts as unset.
    for bold in [terminal(&tasks).env_remove("NO_COLOR"), terminal(&tasks).env("NO_COLOR", "")].map(output) {
        assert!(bold.out.contains("\u{1b}[1m"), "{:?}", bold.out);
    }
}

/// Diagnostics are not coloured either if colours are disabled.
#[test]
fn diagnostics_respect_no_color() {
    let app = App::new().task("bad", &json!({ "process": "plugins.nowhere" }));
    let mut check = command();
    check.arg("check").arg(app.path());
    let plain = output(&mut terminal(&check));
    assert!(plain.code == Some(1) && !plain.out.contains('\u{1b}'), "{:?}", plain.out);
    for coloured in [terminal(&check).env_remove("NO_COLOR"), terminal(&check).env("NO_COLOR", "")].map(output) {
        assert!(coloured.out.contains('\u{1b}'), "{:?}", coloured.out);
    }
}
