//! Reading a task file with arbitrary content terminates, and its problems can be rendered.

use proptest::prelude::*;
use saggar_definition::read_task;

fn read(file: &str, bytes: &[u8]) {
    if let Err(diagnostics) = read_task(file, bytes, &|name| (name == "SET").then(|| "17".to_owned()).into()) {
        assert!(!diagnostics.is_empty());
        for diagnostic in diagnostics {
            let rendered = diagnostic.render(false);
            assert!(rendered.chars().all(|c| c == '\n' || !c.is_control()), "{rendered:?}");
        }
    }
}

/// Generates text that is nearly JSON: the parser's own tokens and the keys in any order.
fn tokens() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just(",".to_owned()),
        Just("\n".to_owned()),
        Just("// 测试\n".to_owned()),
        Just("/*".to_owned()),
        Just("\\u12".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("-".to_owned()),
        Just("1e9".to_owned()),
        Just("0x".to_owned()),
        Just("\u{9b}".to_owned()),
        Just("\"$ENV.SET\"".to_owned()),
        Just("\"$ENV.\"".to_owned()),
        Just("\"\\ud83d\"".to_owned()),
        "\"(process|event|sandbox|timeout|attempt_after|retention|dirs|memory|success)\"",
        "[a-z0-9.]{1,6}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// Generates valid JSON of any shape, under the keys of tasks.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "(\\$ENV\\.)?(SET|UNSET|plugins\\.[a-z./#]{0,8}|[0-9]{1,30}(s|MB|MiB|d)?|read|write|all|off|GET|https://[a*.:]{0,6}|/0/[~01]{0,3})".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = "process|name|worker_nums|size|timeout|attempts|attempt_after|event|sandbox|retention|delay|backoff|max|\
                   jitter|next|add|success|error|progress|memory|reuse|event_timeout|tasks|http|env|dirs|name|write|\
                   failure|origins|methods|secrets|kv|access|prefix|scratch|record|mask|jobs|[a-z]{1,9}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(key, inner, 0..10)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), file in "tasks/.{0,12}(yao|json)") {
        read(&file, &bytes);
    }

    #[test]
    fn any_text(text in any::<String>()) {
        read("tasks/a.yao", text.as_bytes());
    }

    #[test]
    fn any_tokens(text in tokens()) {
        read("tasks/a.yao", text.as_bytes());
        read("tasks/a.json", text.as_bytes());
    }

    #[test]
    fn any_json(json in json()) {
        read("tasks/a.json", serde_json::to_string_pretty(&json).unwrap().as_bytes());
    }
}

#[test]
fn deeply_nested_and_long_files_are_read() {
    for text in ["[".repeat(1 << 20), "{\"a\":".repeat(200_000), "\"".repeat(1 << 20), "{\"a\":1,".repeat(1000)] {
        read("tasks/a.json", text.as_bytes());
    }
    let keys: String = (0..90_000).map(|n| format!("\"k{n}\":0,")).collect();
    read("tasks/a.yao", format!("{{{keys}}}").as_bytes());
    read(
        "tasks/a.yao",
        format!("{{\"{}\": 1, \"process\": \"{}\"}}", "k".repeat(400_000), "p".repeat(400_000)).as_bytes(),
    );
}
