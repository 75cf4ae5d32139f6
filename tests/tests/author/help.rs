//! `saggar help` prints the help of commands and the pages of the guide.

use saggar_tests::program::saggar;
use serde_json::Value;

fn help(topic: &str) -> String {
    let said = saggar(["help", topic]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    said.out
}

#[test]
fn the_help_of_a_command_is_that_of_its_option() {
    for command in ["test", "run", "stats", "help"] {
        assert_eq!(help(command), saggar([command, "--help"]).out, "{command}");
    }
}

#[test]
fn pages_of_the_guide_are_printed() {
    let page = help("testing");
    assert!(page.starts_with("# Testing\n") && page.contains("\n    saggar new app shop\n"), "{page}");
    assert!(!page.contains("```") && !page.contains("]("), "{page}");
    let json: Value = serde_json::from_str(&saggar(["help", "testing", "--json"]).out).expect("JSON");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/src/testing.md");
    assert_eq!(
        (&json["name"], json["text"].as_str()),
        (&"testing".into(), std::fs::read_to_string(file).ok().as_deref())
    );
}

#[test]
fn commands_and_pages_are_listed() {
    let all = saggar(["help"]);
    assert_eq!((all.code, all.err.as_str()), (Some(0), ""));
    assert!(all.out.contains(&saggar(["--help"]).out), "{}", all.out);
    for line in ["  first-answer   The first answer\n", " Writing jobs:\n", "  yao            From Yao\n"] {
        assert!(all.out.contains(line), "no `{line}` in {}", all.out);
    }
}

#[test]
fn an_unknown_topic_has_a_suggestion() {
    for (topic, expected) in [("tesing", "did you mean `saggar help testing`?"), ("qqqq", "`saggar help` lists them")] {
        let said = saggar(["help", topic]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(expected), "no `{expected}` in {}", said.err);
    }
}
