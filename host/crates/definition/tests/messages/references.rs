//! References to plugins, scripts and environment variables.

use super::{NEXT, problems, problems_with};
use saggar_definition::{Variable, read_task};
use saggar_job::Role;

fn process(text: &str) -> String {
    problems(&format!("{{\"process\": \"{text}\"}}"))
}

#[test]
fn invalid_functions_of_scripts() {
    let shown = [
        process("scripts.Send"),
        process("scripts/mail/send.js#Run"),
        process("scripts.task.2nd"),
        process("scripts..Send"),
        process("scripts.任务.Send"),
        problems_with("\"event\": {\"next\": \"scripts.task#NextID\"}"),
    ];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn functions_of_scripts_are_valid_references() {
    assert_eq!(process("scripts.task.Send"), "no problem: t");
    assert_eq!(problems_with("\"event\": {\"next\": \"scripts.mail.task.发送\"}"), "no problem: t");
}

#[test]
fn invalid_plugin_names() {
    let shown = [
        process(""),
        process("send"),
        process("plugins...x"),
        process("plugins/mail/send.wasm"),
        process("plugins.a.."),
        process("plugins.media#"),
        process("plugins.测试"),
        problems("{\"process\": 7, \"event\": {\"add\": null, \"success\": [\"plugins.x\"]}}"),
    ];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn values_of_environment_variables_are_not_shown() {
    let text = "{\"process\": \"$ENV.CODE\", \"worker_nums\": \"$ENV.WORKERS\",\n\"size\": \"$ENV.UNSET\", \"name\": \"$ENV.a b\",\n\
                \"sandbox\": {\"memory\": \"$ENV.WORKERS\", \"http\": [\"$ENV.WORKERS\"]}}";
    let shown = problems(text);
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn errors_about_forbidden_variables_name_the_configuration_key() {
    let shown = problems("{\"process\": \"plugins.x\", \"name\": \"$ENV.SECRET\",\n\"timeout\": \"$ENV.SECRET\"}");
    insta::assert_snapshot!(shown, @r##"
    error: the environment variable `SECRET` for `name` is not allowed in task files
     --> tasks/t.yao:1:34
      |
    1 | {"process": "plugins.x", "name": "$ENV.SECRET",
      |                                  ^^^^^^^^^^^^^
      |
      = help: task files may use the variables `SAGGAR_APP_*`: rename this one, write the value here, or ask the operator to add the name to the configuration key `env_allow`

    error: the environment variable `SECRET` for `timeout` is not allowed in task files
     --> tasks/t.yao:2:12
      |
    2 | "timeout": "$ENV.SECRET"}
      |            ^^^^^^^^^^^^^
      |
      = help: task files may use the variables `SAGGAR_APP_*`: rename this one, write the value here, or ask the operator to add the name to the configuration key `env_allow`
    "##);
}

#[test]
fn the_host_can_report_errors_at_a_reference_and_at_a_request() {
    let text = b"{\n  \"process\": \"plugins.mail\",\n  \"sandbox\": {\"http\": [\"https://a.example\"]}\n}";
    let task = read_task("tasks/t.yao", text, &|_| Variable::Unset).unwrap();
    let missing = task.diagnose(Role::Processor, "there is no `plugins/mail.wasm`", "build it");
    let nowhere = task.diagnose(Role::AddHandler, "there is no handler", "add one");
    let http = task.sandbox.http.as_ref().expect("a request");
    let refused = task.diagnose_at(http.origins[0].span, "HTTP is not granted", "ask the operator");
    let shown = [missing.render(false), nowhere.render(false), refused.render(false)];
    insta::assert_snapshot!(shown.join(NEXT));
}
