//! `Env` and `File`, as far as they need no directory: the tests of the host have those.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("variables", "return [Env.get('REGION'), Env.get('OTHER') === undefined]").answers(r#"["eu-west",true]"#),
        Case::script("a variable at the top level", "const region = Env.get('REGION'); function f() { return region }")
            .process("f", "[]")
            .answers(r#""eu-west""#),
        body("a file in no directory of the task", "File.read('/data/a.txt')")
            .retries("not-granted", "`/data/a.txt` is in no directory that the task has"),
        body("writing in no directory of the task", "File.write('/scratch/a', 'x')")
            .retries("not-granted", "`/scratch/a` is in no directory that the task has"),
        body("a path that is no text", "File.list(7)")
            .retries("exception", "TypeError: a path of File is a text, not 7"),
        body("what is no content of a file", "File.write('/scratch/a', { a: 1 })")
            .retries("exception", "TypeError: File writes a text, a typed array or an ArrayBuffer, not"),
    ]
}
