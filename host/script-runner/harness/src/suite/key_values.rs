//! `KV`.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("values of the key-value store", "KV.set('a/1', { b: [1, 'α'] }, { ttlMs: 50 }); return KV.get('a/1')")
            .answers(r#"{"b":[1,"α"]}"#)
            .events(&[r#"kv set a/1 {"b":[1,"α"]} Some(50)"#, "kv get a/1"]),
        body("no value", "return [KV.get('a') === undefined, KV.entry('a') === undefined]")
            .answers("[true,true]")
            .events(&["kv get a", "kv get a"]),
        body("an entry", "KV.set('a', null); return KV.entry('a')")
            .answers(r#"{"value":null,"version":1,"expiresInMs":null}"#),
        body(
            "swaps",
            "const version = KV.swap('a', null, 1); return [KV.swap('a', undefined, 2), KV.swap('a', version, 3, { ttlMs: 9 })]",
        )
        .answers("[null,2]")
        .events(&["kv swap a None 1 None", "kv swap a None 2 None", "kv swap a Some(1) 3 Some(9)"]),
        body("an update", "KV.update('n', (n = 1) => n * 5); return KV.update('n', (n) => n + 1)").answers("6"),
        body("increments", "KV.increment('n'); return KV.increment('n', -3, { ttlMs: 60 })")
            .answers("-2")
            .events(&["kv increment n 1 None", "kv increment n -3 Some(60)"]),
        body("a sum that a number cannot hold", "KV.set('n', Number.MAX_SAFE_INTEGER); KV.increment('n')")
            .retries("number-too-large", "9007199254740992 is beyond 2^53 - 1"),
        body("an increment that is no whole number", "KV.increment('n', 0.5)")
            .retries("exception", "TypeError: KV.increment adds a whole number, not 0.5"),
        body("removing", "KV.set('a', 1); return [KV.remove('a', { version: 9 }), KV.remove('a'), KV.remove('a')]")
            .answers("[false,true,false]"),
        body("keys", "for (const key of ['b/2', 'b/1', 'b/3', 'c']) KV.set(key, 0); return [KV.keys('b/'), KV.keys().length]")
            .answers(r#"[["b/1","b/2","b/3"],4]"#),
        body(
            "a page of keys",
            "for (const key of ['a', 'b', 'c']) KV.set(key, 0); return [KV.page('', { limit: 1 }), KV.page('', { after: 'b' })]",
        )
        .answers(r#"[{"keys":["a"],"next":"a"},{"keys":["c"],"next":null}]"#),
        body("what is not granted", "KV.get('a')")
            .refusing("not-granted", "the task has no access")
            .retries("not-granted", "the task has no access (scripts/task.js:2:"),
        body("a value that is no JSON", "KV.set('a', undefined)")
            .retries("exception", "TypeError: a value of KV is JSON, not undefined"),
        body("a key that is no text", "KV.get(7)").retries("exception", "TypeError: a key of KV is a text, not 7"),
        Case::script("the store at the top level", "const value = KV.get('a'); function f() { return value }")
            .process("f", "[]")
            .answers("null"),
        body("a script that replaces JSON", "JSON.parse = () => 1; JSON.stringify = () => '2'; KV.set('a', 3); return KV.get('a') + 1")
            .answers("4"),
    ]
}
