//! Hand-written processors that attack the host below the level of the bindings.
//!
//! Each returns its arguments if they are `["ok"]`, so that a test can show that the slot recovers, and attacks on
//! anything longer. Processors that attack during instantiation do not see arguments and always attack.

use anyhow::Result;

use super::encode::component_from_core_wat;

/// The parts of a core module in which attacks differ.
struct Processor {
    /// Memories, tables, functions and other items that the attack needs.
    fields: String,
    /// The body of `cabi_realloc(old, old_bytes, align, bytes)`, which returns a pointer.
    realloc: &'static str,
    /// The body of `process(id, args, args_bytes)` if it does not return normally; must leave a pointer to a result.
    attack: &'static str,
    /// The body of the function that the host calls with the result's pointer when it has read the result.
    post_return: &'static str,
}

impl Default for Processor {
    fn default() -> Self {
        Self {
            fields: String::new(),
            realloc: "(call $allocate (local.get $bytes))",
            attack: "unreachable",
            post_return: "",
        }
    }
}

impl Processor {
    fn component(&self) -> Result<Vec<u8>> {
        let Self { fields, realloc, attack, post_return } = self;
        component_from_core_wat(&format!(
            r#"(module
                (memory (export "memory") 2)
                {fields}
                (global $free (mut i32) (i32.const 1024))
                (func $allocate (param $bytes i32) (result i32)
                    (local $start i32)
                    (local.set $start (global.get $free))
                    (global.set $free (i32.add (global.get $free) (local.get $bytes)))
                    (local.get $start))
                (func (export "cabi_realloc")
                    (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
                    {realloc})
                ;; At 16: the case of the result, at 24 and 28 the text of `ok`.
                (func $answer (param $text i32) (param $bytes i32) (result i32)
                    (i32.store8 (i32.const 16) (i32.const 0))
                    (i32.store (i32.const 24) (local.get $text))
                    (i32.store (i32.const 28) (local.get $bytes))
                    (i32.const 16))
                (func (export "saggar:task/processor@0.1.0#process")
                    (param $id i64) (param $args i32) (param $args_bytes i32) (result i32)
                    (if (i32.eq (local.get $args_bytes) (i32.const 6))
                        (then (return (call $answer (local.get $args) (local.get $args_bytes)))))
                    {attack})
                (func (export "cabi_post_saggar:task/processor@0.1.0#process") (param $answer i32)
                    {post_return}))"#
        ))
    }
}

macro_rules! attacks {
    ($($name:ident)*) => {
        /// Returns the component of an attack, by its name in `foreach_attack!`.
        pub fn attack(name: &str) -> Result<Vec<u8>> {
            match name {
                $(stringify!($name) => $name().component(),)*
                other => anyhow::bail!("there is no attack {other}"),
            }
        }
    };
}

/// Calls `$then!` with the name of every attack.
#[macro_export]
macro_rules! foreach_attack {
    ($then:ident) => {
        $then! {
            spin_in_start
            spin_in_realloc
            spin_in_post_return
            trap_in_post_return
            allocate_beyond_memory
            answer_from_beyond_memory
            answer_area_beyond_memory
            answer_area_at_an_odd_address
            answer_an_unknown_case
            dive
            start_with_a_gigabyte
            start_with_a_large_table
            grow_two_memories
            grow_sixteen_memories
            grow_a_table
            grow_sixteen_tables
        }
    };
}

foreach_attack!(attacks);

const SPIN: &str = "(loop $again (br $again))";

fn spin_in_start() -> Processor {
    Processor { fields: format!("(func $spin {SPIN}) (start $spin)"), ..Processor::default() }
}

fn spin_in_realloc() -> Processor {
    let realloc = "(if (i32.gt_u (local.get $bytes) (i32.const 6)) (then (loop $again (br $again))))
        (call $allocate (local.get $bytes))";
    Processor { realloc, ..Processor::default() }
}

/// Spins only if the result is long: the arguments of an attack are returned as the result.
fn spin_in_post_return() -> Processor {
    Processor {
        attack: "(call $answer (local.get $args) (local.get $args_bytes))",
        post_return: "(if (i32.gt_u (i32.load (i32.const 28)) (i32.const 6)) (then (loop $again (br $again))))",
        ..Processor::default()
    }
}

fn trap_in_post_return() -> Processor {
    Processor {
        attack: "(call $answer (local.get $args) (local.get $args_bytes))",
        post_return: "(if (i32.gt_u (i32.load (i32.const 28)) (i32.const 6)) (then unreachable))",
        ..Processor::default()
    }
}

/// Returns an address beyond memory for the arguments that the host writes.
fn allocate_beyond_memory() -> Processor {
    let realloc = "(if (i32.gt_u (local.get $bytes) (i32.const 6)) (then (return (i32.const 0xfffffff0))))
        (call $allocate (local.get $bytes))";
    Processor { realloc, ..Processor::default() }
}

fn answer_from_beyond_memory() -> Processor {
    Processor { attack: "(call $answer (i32.const 0x1fff0) (i32.const 0x7fffffff))", ..Processor::default() }
}

fn answer_area_beyond_memory() -> Processor {
    Processor { attack: "(i32.const 0xfffffff8)", ..Processor::default() }
}

fn answer_area_at_an_odd_address() -> Processor {
    Processor { attack: "(i32.const 17)", ..Processor::default() }
}

fn answer_an_unknown_case() -> Processor {
    Processor { attack: "(i32.store8 (i32.const 16) (i32.const 7)) (i32.const 16)", ..Processor::default() }
}

/// Recurses, which uses the host's stack and none of the guest's memory.
fn dive() -> Processor {
    Processor {
        fields: "(func $dive (result i32) (i32.add (call $dive) (i32.const 1)))".into(),
        attack: "(call $dive)",
        ..Processor::default()
    }
}

fn start_with_a_gigabyte() -> Processor {
    Processor { fields: "(memory $large 16384)".into(), ..Processor::default() }
}

fn start_with_a_large_table() -> Processor {
    Processor { fields: "(table $large 9000000 funcref)".into(), ..Processor::default() }
}

/// Grows every memory by 1 MiB in turn until each refuses, and then traps.
fn grow_memories(count: usize) -> Processor {
    let more: String = (1..count).map(|n| format!("(memory $m{n} 1)")).collect();
    let rest: String = (1..count).map(|n| grow_once(&format!("memory.grow $m{n}"), 16)).collect();
    let first = grow_once("memory.grow 0", 16);
    let fields = format!("{more} (func $grow (local $grown i32) {})", until_refused(&(first + &rest)));
    Processor { fields, attack: "(call $grow) unreachable", ..Processor::default() }
}

fn grow_two_memories() -> Processor {
    grow_memories(2)
}

fn grow_sixteen_memories() -> Processor {
    grow_memories(16)
}

/// Grows every table by 100,000 entries in turn until each refuses, and then traps.
fn grow_tables(count: usize) -> Processor {
    let tables: String = (0..count).map(|n| format!("(table $t{n} 1 funcref)")).collect();
    let grow: String = (0..count).map(|n| grow_once(&format!("table.grow $t{n} (ref.null func)"), 100_000)).collect();
    let fields = format!("{tables} (func $grow (local $grown i32) {})", until_refused(&grow));
    Processor { fields, attack: "(call $grow) unreachable", ..Processor::default() }
}

fn grow_a_table() -> Processor {
    grow_tables(1)
}

fn grow_sixteen_tables() -> Processor {
    grow_tables(16)
}

fn grow_once(instruction: &str, by: u32) -> String {
    format!("(if (i32.ne ({instruction} (i32.const {by})) (i32.const -1)) (then (local.set $grown (i32.const 1))))")
}

fn until_refused(grow_each: &str) -> String {
    format!("(loop $again (local.set $grown (i32.const 0)) {grow_each} (br_if $again (local.get $grown)))")
}
