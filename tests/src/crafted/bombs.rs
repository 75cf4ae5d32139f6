//! Small components that are expensive to parse or compile: minutes, gigabytes, or more stack than available.

use std::fmt::Write;

use anyhow::Result;
use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentTypeSection, ConstExpr, DataSection, ElementSection, Elements,
    Function, FunctionSection, InstanceSection, Instruction, MemorySection, MemoryType, Module, ModuleArg,
    ModuleSection, NestedComponentSection, RefType, TableSection, TableType, TypeSection, ValType,
};

macro_rules! bombs {
    ($($name:ident)*) => {
        /// Returns the bytes of a bomb, by its name in `foreach_bomb!`.
        pub fn bomb(name: &str) -> Result<Vec<u8>> {
            match name {
                $(stringify!($name) => $name(),)*
                other => anyhow::bail!("there is no bomb {other}"),
            }
        }

        /// The names of all bombs.
        pub const BOMBS: &[&str] = &[$(stringify!($name)),*];
    };
}

/// Calls `$then!` with the name of every bomb.
#[macro_export]
macro_rules! foreach_bomb {
    ($then:ident) => {
        $then! {
            sparse_memories
            sparse_tables
            nested_loops
            nested_blocks
            many_locals
            nested_component_types
            nested_instance_types
            nested_components
            modules_that_claim
            instances_of_instances
            instances_by_alias
            instances_of_an_argument
            instances_of_a_module
            locals_by_loops
            branches_with_results
            branch_tables_with_results
            calls_with_results
            fused_adapters
            types_by_reference
            types_that_double
        }
    };
}

foreach_bomb!(bombs);

/// Builds a component of one module.
fn component_of(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    // One instance, so that the module is compiled.
    let mut instances = InstanceSection::new();
    instances.instantiate::<[(&str, ModuleArg); 0], &str>(0, []);
    component.section(&instances);
    component.finish()
}

/// Builds a component of a module with `count` functions of this body.
fn component_of_functions(count: u32, types: &TypeSection, ty: u32, body: &Function) -> Vec<u8> {
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..count {
        functions.function(ty);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(types).section(&functions).section(&code);
    component_of(&module)
}

fn no_values() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
}

/// 20 memories with a byte at each end: the images include everything between them.
fn sparse_memories() -> Result<Vec<u8>> {
    let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
    for memory in 0..20 {
        memories.memory(MemoryType {
            minimum: 255,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        for at in [0, 255 * 65_536 - 1] {
            data.active(memory, &ConstExpr::i32_const(at), [1]);
        }
    }
    let mut module = Module::new();
    module.section(&memories).section(&data);
    Ok(component_of(&module))
}

/// 60 tables with an entry at each end.
fn sparse_tables() -> Result<Vec<u8>> {
    let types = no_values();
    let (mut functions, mut code, mut empty) = (FunctionSection::new(), CodeSection::new(), Function::new([]));
    empty.instructions().end();
    functions.function(0);
    code.function(&empty);
    let (mut tables, mut elements) = (TableSection::new(), ElementSection::new());
    const SIZE: i32 = 1 << 20;
    for table in 0..60 {
        let minimum = SIZE.unsigned_abs().into();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            minimum,
            maximum: None,
            table64: false,
            shared: false,
        });
        for at in [0, SIZE - 1] {
            elements.active(Some(table), &ConstExpr::i32_const(at), Elements::Functions([0][..].into()));
        }
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&elements).section(&code);
    Ok(component_of(&module))
}

fn nested(depth: usize, open: &Instruction<'_>) -> Vec<u8> {
    let mut body = Function::new([]);
    for _ in 0..depth {
        body.instruction(open);
    }
    for _ in 0..depth {
        body.instruction(&Instruction::End);
    }
    body.instruction(&Instruction::End);
    component_of_functions(1, &no_values(), 0, &body)
}

fn nested_loops() -> Result<Vec<u8>> {
    Ok(nested(20_000, &Instruction::Loop(BlockType::Empty)))
}

fn nested_blocks() -> Result<Vec<u8>> {
    Ok(nested(150_000, &Instruction::Block(BlockType::Empty)))
}

/// 40,000 functions with 50,000 locals each, in 320 KiB.
fn many_locals() -> Result<Vec<u8>> {
    let mut body = Function::new([(50_000, ValType::I64)]);
    body.instructions().end();
    Ok(component_of_functions(40_000, &no_values(), 0, &body))
}

/// Builds types that are nested `depth` levels deep; `kind` is the byte that opens one.
fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
    // The innermost type has no declarations; each of the others declares one type.
    let mut types = vec![1];
    for _ in 0..depth {
        types.extend([kind, 1, 1]);
    }
    types.extend([kind, 0]);
    section(7, &types)
}

/// Builds a component of one section.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.push(id);
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(0x80 | u8::try_from(length & 0x7f).expect("seven bits"));
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("seven bits"));
    bytes.extend(content);
    bytes
}

fn nested_component_types() -> Result<Vec<u8>> {
    Ok(nested_types(0x41, 1_000))
}

fn nested_instance_types() -> Result<Vec<u8>> {
    Ok(nested_types(0x42, 100_000))
}

/// 350 KiB of nested components.
fn nested_components() -> Result<Vec<u8>> {
    let mut component = Component::new();
    component.section(&ComponentTypeSection::new());
    for _ in 0..30_000 {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&component));
        component = outer;
    }
    Ok(component.finish())
}

/// Sections that declare four billion items, and end.
fn modules_that_claim() -> Result<Vec<u8>> {
    Ok(section(7, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0x41, 0xff, 0xff, 0xff, 0xff, 0x0f]))
}

/// Components that instantiate the inner one ten times each, twenty levels deep: 10^20 instances.
fn instances_of_instances() -> Result<Vec<u8>> {
    let mut text = "(core module $m) (core instance (instantiate $m))".to_owned();
    for _ in 0..20 {
        text = format!("(component $c {text}) {}", "(instance (instantiate $c))".repeat(10));
    }
    Ok(wat::parse_str(format!("(component {text})"))?)
}

/// The same, with each component aliased from the outermost one instead of nested.
fn instances_by_alias() -> Result<Vec<u8>> {
    let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=20 {
        let inner =
            format!("(alias outer $root $c{} (component $c)) {}", level - 1, "(instance (instantiate $c))".repeat(10));
        write!(text, "(component $c{level} {inner})")?;
    }
    Ok(wat::parse_str(format!("(component $root {text} (instance (instantiate $c20)))"))?)
}

/// A component that instantiates another one that it imports.
fn instances_of_an_argument() -> Result<Vec<u8>> {
    Ok(wat::parse_str(
        "(component
            (component $given (core module $m) (core instance (instantiate $m)))
            (component $taker (import \"c\" (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))
            (instance (instantiate $taker (with \"c\" (component $given)))))",
    )?)
}

fn instances_of_a_module() -> Result<Vec<u8>> {
    let instances = "(core instance (instantiate $m))".repeat(900);
    Ok(wat::parse_str(format!("(component (core module $m (memory 1) (table 1 funcref)) {instances})"))?)
}

/// Each of 10,000 locals changes in each of 10,000 nested loops, as far as the compiler knows.
fn locals_by_loops() -> Result<Vec<u8>> {
    const COUNT: u32 = 10_000;
    let mut body = Function::new([(COUNT, ValType::I32)]);
    for local in 0..COUNT {
        body.instructions().loop_(BlockType::Empty).local_get(local).i32_const(1).i32_add().local_set(local);
    }
    for local in 0..COUNT {
        body.instructions().local_get(local).br_if(0).end();
    }
    body.instructions().end();
    Ok(component_of_functions(1, &no_values(), 0, &body))
}

/// Builds types with 1,000 results: blocks, branches and calls pass all of them on.
fn thousand_results() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], vec![ValType::I32; 1_000]);
    types.ty().function([], []);
    types
}

fn branches_with_results() -> Result<Vec<u8>> {
    let mut body = Function::new([]);
    body.instructions().block(BlockType::FunctionType(0)).call(0);
    for _ in 0..50_000 {
        body.instructions().i32_const(1).br_if(0);
    }
    body.instructions().end().unreachable().end();
    Ok(component_of_functions(1, &thousand_results(), 0, &body))
}

fn branch_tables_with_results() -> Result<Vec<u8>> {
    let mut body = Function::new([]);
    let targets: Vec<u32> = (0..500).collect();
    for _ in 0..500 {
        body.instructions().block(BlockType::FunctionType(0));
    }
    body.instructions().call(0).i32_const(1).br_table(targets, 0_u32);
    for _ in 0..500 {
        body.instructions().end();
    }
    body.instructions().end();
    Ok(component_of_functions(20, &thousand_results(), 0, &body))
}

fn calls_with_results() -> Result<Vec<u8>> {
    let mut body = Function::new([]);
    for _ in 0..50_000 {
        body.instructions().call(0);
    }
    body.instructions().unreachable().end();
    Ok(component_of_functions(1, &thousand_results(), 0, &body))
}

/// Returns the text of a component in which one component calls another through `count` adapters of this type.
fn adapted(types: &str, ty: &str, count: usize) -> Result<String> {
    let (mut lowered, mut imports, mut given) = (String::new(), String::new(), String::new());
    for number in 0..count {
        write!(lowered, "(core func $l{number} (canon lower (func $f) (memory $memory) (realloc $realloc)))")?;
        write!(imports, "(import \"\" \"{number}\" (func (param i32)))")?;
        write!(given, "(export \"{number}\" (func $l{number}))")?;
    }
    let module = "(core module $m (memory (export \"memory\") 1) (func (export \"f\") (param i32))
        (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) unreachable))
        (core instance $i (instantiate $m))";
    Ok(format!(
        "(component
            (component $callee {module} {types}
                (func (export \"f\") (param \"x\" {ty}) (canon lift (core func $i \"f\") (memory $i \"memory\") (realloc (func $i \"realloc\")))))
            (component $caller {types} (import \"f\" (func $f (param \"x\" {ty}))) {module}
                (alias core export $i \"memory\" (core memory $memory)) (alias core export $i \"realloc\" (core func $realloc))
                {lowered} (core module $n {imports}) (core instance (instantiate $n (with \"\" (instance {given})))))
            (instance $callee (instantiate $callee))
            (instance (instantiate $caller (with \"f\" (func $callee \"f\")))))"
    ))
}

/// 155 KiB with 3,000 adapters of a large type.
fn fused_adapters() -> Result<Vec<u8>> {
    let strings = "string ".repeat(40);
    let types = format!("(type $t (tuple {strings}))");
    Ok(wat::parse_str(adapted(&types, "$t", 3_000)?)?)
}

/// Nested lists whose file has no nesting, because each type refers to the one before.
fn types_by_reference() -> Result<Vec<u8>> {
    let mut types = "(type $t0 (list u8))".to_owned();
    for level in 1..5_000 {
        write!(types, "(type $t{level} (list $t{}))", level - 1)?;
    }
    Ok(wat::parse_str(format!("(component {types} (import \"f\" (func (param \"x\" $t4999))))"))?)
}

/// Each type contains the one before twice: forty of them are 10^12 numbers.
fn types_that_double() -> Result<Vec<u8>> {
    let mut types = "(type $t0 (tuple u8 u8))".to_owned();
    for level in 1..40 {
        write!(types, "(type $t{level} (tuple $t{0} $t{0}))", level - 1)?;
    }
    Ok(wat::parse_str(adapted(&types, "$t39", 1)?)?)
}

/// A valid component that exports nothing, with so much code that compiling it takes a while.
pub fn slow_to_compile() -> Result<Vec<u8>> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut body = Function::new([(8, ValType::I32)]);
    for round in 0..60_u32 {
        let (from, to) = (round % 8 + 1, (round * 5 + 3) % 8 + 1);
        body.instructions()
            .local_get(0)
            .local_get(from)
            .i32_add()
            .i32_const(round.cast_signed())
            .i32_mul()
            .local_set(to);
        body.instructions().local_get(to).if_(BlockType::Empty).local_get(from).local_set(to).end();
    }
    body.instructions().local_get(1).end();
    Ok(component_of_functions(6_000, &types, 0, &body))
}
