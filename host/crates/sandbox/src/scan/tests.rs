//! Exact counts, and the maximum depths.

use super::*;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).unwrap()
}

fn counted(text: &str) -> Totals {
    totals(&component(text)).unwrap()
}

fn needs(text: &str) -> Needs {
    counted(text).needs
}

const MODULE: &str = "(core module $m (memory 1) (table 3 funcref) (table 4 funcref))";

#[test]
fn instances_multiply() {
    let one = needs(&format!("{MODULE} (core instance (instantiate $m))"));
    assert_eq!((one.core_instances, one.memories, one.tables, one.component_instances), (1, 1, 2, 0));
    let inner = format!("(component $c {MODULE} (core instance (instantiate $m)) (core instance (instantiate $m)))");
    let six =
        needs(&format!("{inner} (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))"));
    assert_eq!((six.core_instances, six.memories, six.tables, six.component_instances), (6, 6, 12, 3));
    let none = needs(&inner);
    assert_eq!((none.core_instances, none.memories), (0, 0), "defined but not instantiated");
}

#[test]
fn aliases_and_exports_refer_to_the_same_definition() {
    let alias = needs(&format!(
        "(component $c {MODULE} (core instance (instantiate $m)))
         (component $d (alias outer 1 $c (component $e)) (instance (instantiate $e)) (instance (instantiate $e)))
         (instance (instantiate $d)) (instance (instantiate $c))"
    ));
    assert_eq!((alias.core_instances, alias.component_instances), (3, 4));
    let exported = needs(&format!(
        "(component $c {MODULE} (core instance (instantiate $m)))
         (export $again \"c\" (component $c)) (instance (instantiate $again))"
    ));
    assert_eq!(exported.core_instances, 1);
    let module = needs(&format!(
        "{MODULE} (component $c (alias outer 1 $m (core module $n)) (core instance (instantiate $n)))
         (instance (instantiate $c)) (instance (instantiate $c))"
    ));
    assert_eq!((module.core_instances, module.memories), (2, 2));
}

#[test]
fn instances_of_imported_definitions_are_refused() {
    let imported = "(component $c (import \"c\" (component $d)) (instance (instantiate $d)))";
    let module = "(component $c (import \"c\" (core module $d)) (core instance (instantiate $d)))";
    let exported = "(component $c (component $d) (export \"d\" (component $d)))
        (instance $i (instantiate $c)) (alias export $i \"d\" (component $e)) (instance (instantiate $e))";
    for text in [imported, module, exported] {
        let refused = scan(&component(text)).unwrap_err().to_string();
        assert!(refused.contains("not defined in it"), "{refused}");
    }
}

/// Returns the refusal of a component with `count` instances of the core module `module`.
fn instances(module: &str, count: usize) -> Result<(), String> {
    let instances = "(core instance (instantiate $m))".repeat(count);
    scan(&component(&format!("(core module $m {module}) {instances}"))).map_err(|refused| refused.to_string())
}

#[test]
fn what_fits_in_a_sandbox_is_accepted_and_one_more_is_refused() {
    for (module, most, refused) in [
        ("", 100, "the component has 101 core instances; at most 100 fit in a sandbox"),
        ("(memory 1)", 4, "the component has 5 memories; at most 4 fit in a sandbox"),
        ("(table 1 funcref)", 16, "the component has 17 tables; at most 16 fit in a sandbox"),
        ("(table 12500 funcref)", 8, "the component has 112500 table entries; at most 100000 fit in a sandbox"),
        ("(table 25000 funcref)", 4, "the component has 125000 table entries; at most 100000 fit in a sandbox"),
    ] {
        assert_eq!(instances(module, most), Ok(()), "{module}");
        assert_eq!(instances(module, most + 1), Err(refused.to_owned()));
    }
}

#[test]
fn huge_counts_do_not_overflow() {
    let mut text = "(core module $m) (core instance (instantiate $m))".to_owned();
    for _ in 0..60 {
        text = format!("(component $c {text}) {}", "(instance (instantiate $c))".repeat(10));
    }
    assert_eq!(needs(&text).core_instances, u128::MAX);
}

/// Returns a component of one section.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = [length & 0x7f | 0x80, length >> 7 & 0x7f | 0x80, length >> 14].map(|byte| u8::try_from(byte).unwrap());
    [b"\0asm\x0d\0\x01\0", &[id][..], &bytes, content].concat()
}

/// Returns a component of types that are nested `depth` levels deep.
fn types(kind: u8, depth: usize) -> Vec<u8> {
    let mut types = vec![1];
    (1..depth).for_each(|_| types.extend([kind, 1, 1]));
    types.extend([kind, 0]);
    section(7, &types)
}

#[test]
fn types_may_nest_100_levels_deep() {
    for kind in [0x41, 0x42] {
        assert_eq!(totals(&types(kind, MAX_NESTING)).unwrap().types, MAX_NESTING as u64);
        for depth in [MAX_NESTING + 1, 1_000, 5_000] {
            assert_eq!(scan(&types(kind, depth)).unwrap_err(), too_deep("types"));
        }
    }
}

#[test]
fn components_may_nest_100_levels_deep() {
    let nested = |depth: usize| scan(&(1..depth).fold(section(0, b"\x01x"), |inner, _| section(4, &inner)));
    assert_eq!(nested(MAX_NESTING), Ok(()));
    assert_eq!(nested(MAX_NESTING + 1), Err(too_deep("components and modules")));
}

#[test]
fn images_span_from_the_first_to_the_last_initialized_byte() {
    let found = counted(
        "(core module (memory 200) (memory 10)
            (data (i32.const 100) \"ab\") (data (i32.const 5000) \"c\") (data (memory 1) (i32.const 8) \"d\") (data \"passive\"))
         (core module (type (func)) (func) (table 50 funcref) (elem (i32.const 7) func 0) (elem (i32.const 30) func 0 0))",
    );
    assert_eq!((found.image_bytes, found.segments, found.memories), (4901 + 1, 6, 2));
    assert_eq!((found.filled_entries, found.elements, found.tables), (32, 3, 1));
}

#[test]
fn the_cost_of_a_body_is_counted() {
    let found = counted(
        "(core module (func (param i32) (local i32 i64) (local f32)
            (loop (loop (block (br_if 1 (local.get 0)) (br_table 0 1 2 3 (local.get 0)))) (loop))))",
    );
    let found = (found.locals, found.blocks, found.depth, found.loop_depth, found.loops_in_loops, found.edges);
    assert_eq!(found, (3, 5, 4, 2, 1 + 2 + 2, 1 + 4));
}

#[test]
fn results_passed_by_branches_are_counted() {
    let results = "i32 ".repeat(50);
    let found = counted(&format!(
        "(core module (type $many (func (result {results})))
            (func $f (type $many) unreachable)
            (func (block (type $many) (call $f) (br 0)) unreachable))"
    ));
    // The call, the branch, and the ends of the block and of both functions.
    assert_eq!(found.edges, 50 + 51 + 50 + 2 * 50);
}

/// Counts in the file are not trusted.
#[test]
fn a_false_count_is_refused() {
    for section in [3_u8, 5, 6, 7, 8, 10, 11] {
        assert!(scan(&self::section(section, &[0xff, 0xff, 0xff, 0xff, 0x0f])).is_err(), "section {section}");
    }
}
