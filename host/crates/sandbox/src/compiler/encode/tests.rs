//! Encodes small modules; the refusals name what is missing.

use super::*;

/// A module with the exports of a processor and what else is given.
fn module(more: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {more}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "saggar:task/processor@0.1.0#process") (param i64 i32 i32) (result i32) i32.const 8))"#
    );
    wat::parse_str(text).unwrap()
}

fn encoded(module: Vec<u8>, roles: &[Role]) -> Result<Vec<u8>, EncodeError> {
    encode(&EncodeRequest { module, roles: roles.to_vec(), adapters: Vec::new() })
}

fn exports(component: &[u8]) -> Vec<String> {
    module::component_exports(component).unwrap()
}

#[test]
fn the_component_exports_the_roles_of_the_module() {
    let plain = encoded(module(""), &[Role::Processor]).unwrap();
    assert_eq!(exports(&plain), ["saggar:task/processor@0.1.0"]);
    assert_eq!(encoded(module(""), &[]).unwrap(), plain, "the roles are those of the exports");
    let more = r#"
        (import "saggar:task/log@0.1.0" "write" (func (param i32 i32 i32)))
        (func (export "saggar:task/add-handler@0.1.0#on-add") (param i64) (result i32) i32.const 8)"#;
    let both = encoded(module(more), &[]).unwrap();
    assert_eq!(exports(&both), ["saggar:task/add-handler@0.1.0", "saggar:task/processor@0.1.0"]);
    assert_eq!(exports(&encoded(module(more), &[Role::AddHandler]).unwrap()), ["saggar:task/add-handler@0.1.0"]);
}

#[test]
fn modules_of_wasi_preview_1_get_the_adapter() {
    let import = r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
                    (func (export "_initialize"))"#;
    let component = encoded(module(import), &[Role::Processor]).unwrap();
    assert_eq!(exports(&component), ["saggar:task/processor@0.1.0"]);
    assert!(component.windows(b"wasi:random/random@0.2".len()).any(|part| part == b"wasi:random/random@0.2"));
}

#[test]
fn an_adapter_of_the_user_implements_its_module() {
    let import = r#"(import "env" "answer" (func (result i32)))"#;
    let text = r#"(module (func (export "answer") (result i32) i32.const 42))"#;
    let adapter = Adapter { name: "env".to_owned(), bytes: wat::parse_str(text).unwrap() };
    let request = EncodeRequest { module: module(import), roles: Vec::new(), adapters: vec![adapter] };
    assert_eq!(exports(&encode(&request).unwrap()), ["saggar:task/processor@0.1.0"]);
    let unlinked = encode(&EncodeRequest { adapters: Vec::new(), ..request });
    assert_eq!(unlinked, Err(EncodeError::UnknownImports("`env.answer`".to_owned())));
}

#[test]
fn the_refusal_names_the_kind_of_file() {
    let refusal = |bytes: &[u8]| encoded(bytes.to_vec(), &[Role::Processor]).unwrap_err();
    assert_eq!(refusal(b""), EncodeError::Empty);
    assert_eq!(refusal(b"  (module)"), EncodeError::Text);
    assert_eq!(refusal(b"\x7fELF whatever"), EncodeError::NotWasm);
    assert_eq!(refusal(b"\0asm\x0d\0\x01\0"), EncodeError::IsComponent);
    assert_eq!(refusal(&wat::parse_str(r#"(module (func (export "_start")))"#).unwrap()), EncodeError::IsProgram);
    let damaged = refusal(b"\0asm\x01\0\0\0\xff").to_string();
    assert!(damaged.starts_with("this is not a valid core module: "), "{damaged}");
}

#[test]
fn the_refusal_names_missing_exports() {
    let nothing = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
    let missing = encoded(nothing.clone(), &[Role::Processor]).unwrap_err().to_string();
    assert_eq!(
        missing,
        "the module does not export `saggar:task/processor@0.1.0#process`, `memory`, `cabi_realloc`; it exports `run`"
    );
    let no_role = encoded(nothing, &[]).unwrap_err().to_string();
    assert!(no_role.contains("`saggar:task/error-handler@0.1.0#on-error`") && no_role.contains("exports `run`"));
    let handler = encoded(module(""), &[Role::SuccessHandler]).unwrap_err();
    assert!(matches!(handler, EncodeError::MissingExports { missing, .. } if missing.contains("#on-success")));
    let typed = module("").iter().map(|byte| if *byte == 0x7e { 0x7f } else { *byte }).collect();
    let signature = encoded(typed, &[]).unwrap_err().to_string();
    assert!(signature.starts_with("cannot make a component: ") && signature.contains("process"), "{signature}");
}

#[test]
fn a_module_with_a_world_of_its_own_keeps_it() {
    let mut module = module("");
    embed_world(&mut module, &[Role::Processor]).unwrap();
    assert_eq!(exports(&encoded(module.clone(), &[]).unwrap()), ["saggar:task/processor@0.1.0"]);
    assert_eq!(exports(&encoded(module, &[Role::Processor]).unwrap()), ["saggar:task/processor@0.1.0"]);
    let more = r#"(func (export "saggar:task/add-handler@0.1.0#on-add") (param i64) (result i32) i32.const 8)"#;
    let mut both = self::module(more);
    embed_world(&mut both, &[Role::AddHandler]).unwrap();
    assert_eq!(encoded(both, &[Role::Processor]), Err(EncodeError::OtherWorld("`processor`".to_owned())));
}
