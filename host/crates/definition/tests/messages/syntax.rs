//! Text that is not valid JSON.

use super::{NEXT, problems, problems_in};

#[test]
fn empty_files_and_files_without_an_object() {
    let shown = [problems(""), problems("// later\n"), problems("[1]"), problems("{}")];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn a_json_file_is_strict_and_all_its_errors_are_reported() {
    let text = "{\n  \"process\": \"plugins.x\", // must\n  'name': \"测试\" \"size\": +5, timeout: 0x10,\n  \"attempts\": .5,\n}";
    insta::assert_snapshot!(problems_in("tasks/t.json", text));
}

#[test]
fn comments_and_trailing_commas_are_allowed_in_yao_and_jsonc() {
    let text = "{ /* a */ \"process\": \"plugins.x\", }";
    assert_eq!(problems_in("tasks/t.yao", text), "no problem: t");
    assert_eq!(problems_in("tasks/t.jsonc", text), "no problem: t");
    insta::assert_snapshot!(problems_in("tasks/t.json", text));
}

#[test]
fn missing_delimiters_and_values() {
    let shown = [
        problems("{\"process\": \"plugins.x"),
        problems("{\"process\": \"plugins.x,\n \"name\": \"a\"}"),
        problems("{\"process\": \"plugins.x\""),
        problems("{\"sandbox\": {\"env\": [\"A\"}}"),
        problems("{} /* open"),
        problems("{\"process\": }"),
        problems("{\"process\" \"plugins.x\"}"),
        problems("{\"process\": plugins.x}"),
        problems("{\"process\": \"plugins.x\"}}"),
        problems("{,}"),
    ];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn escapes_controls_and_depth() {
    let shown = [
        problems("{\"process\": \"plugins\\mail\"}"),
        problems("{\"process\": \"plugins.x\", \"name\": \"a\tb\u{1b}[31m\u{9b}31m\"}"),
        problems(&format!("{{\"comment\": {}1{}}}", "[".repeat(40), "]".repeat(40))),
        problems("{\"timeout\": NaN}"),
        problems("{\"timeout\": -}"),
    ];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn a_long_line_is_trimmed_around_the_problem() {
    let text = format!(
        "{{\"comment\": \"{}\", \"size\": 0, \"process\": \"plugins.x\", \"version\": \"{0}\"}}",
        "x".repeat(5000)
    );
    insta::assert_snapshot!(problems(&text));
}

#[test]
fn problems_beyond_the_maximum_are_counted() {
    let keys: String = (0..60).map(|n| format!("\"k{n}\":0,")).collect();
    let shown = problems(&format!("{{\"process\": \"plugins.x\",{keys}}}"));
    assert_eq!(shown.matches("unknown key").count(), 50);
    assert!(shown.contains("this file has 10 more problems"), "{shown}");
}

#[test]
fn color_is_used_only_on_request() {
    let diagnostics =
        saggar_definition::read_task("tasks/t.yao", b"{}", &|_| saggar_definition::Variable::Unset).unwrap_err();
    assert!(diagnostics[0].render(true).contains("\u{1b}["));
    assert!(!diagnostics[0].render(false).contains('\u{1b}'));
}

#[test]
fn problems_serialize_as_json() {
    let diagnostics = saggar_definition::read_task("tasks/t.yao", b"{\"size\":1,\n\"size\":2}", &|_| {
        saggar_definition::Variable::Unset
    })
    .unwrap_err();
    insta::assert_snapshot!(serde_json::to_string_pretty(&diagnostics[1]).unwrap());
}
