//! Checks the type stripper: what it makes of TypeScript, and what it refuses.

mod cases;

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, Result, Store, StoreLimits, StoreLimitsBuilder, bail, ensure};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use bindings::TypeStripperPre;

use crate::runner::trap;

mod bindings {
    wasmtime::component::bindgen!({ path: "../../type-stripper/wit", world: "type-stripper" });
}

/// The memory that the host gives it.
const MAX_MEMORY: usize = 64 << 20;

/// A file and what comes of it.
struct Sample {
    name: &'static str,
    text: String,
    expected: Becomes,
}

enum Becomes {
    /// This text, apart from blanks.
    Text(&'static str),
    /// Errors at lines and columns, with parts of their messages.
    Errors(Vec<(u32, u32, &'static str)>),
    /// A trap; a part of its reason.
    Trap(&'static str),
}

struct StripperHost {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: StoreLimits,
}

impl WasiView for StripperHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

struct Stripper {
    engine: Engine,
    pre: TypeStripperPre<StripperHost>,
}

/// Errors of a file: line, column, message.
type Errors = Vec<(u32, u32, String)>;

impl Stripper {
    fn new(component: &[u8]) -> Result<Self> {
        let engine = Engine::new(&Config::new())?;
        let component = Component::new(&engine, component).context("the component does not compile")?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let pre = TypeStripperPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, pre })
    }

    /// Strips a text in an instance of its own. The outer error is a trap.
    fn strip(&self, text: &str) -> Result<Result<String, Errors>> {
        let limits = StoreLimitsBuilder::new().memory_size(MAX_MEMORY).build();
        let host = StripperHost { wasi: WasiCtx::builder().build(), table: ResourceTable::new(), limits };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limits);
        let world = self.pre.instantiate(&mut store)?;
        let answer = world.saggar_types_stripper().call_strip(&mut store, text)?;
        Ok(answer.map_err(|errors| errors.into_iter().map(|it| (it.line, it.column, it.message)).collect()))
    }
}

/// Runs all cases on a component; with another one, on both, and compares all outcomes.
pub(crate) fn run(component: &[u8], other: Option<&[u8]>, filter: &str) -> Result<()> {
    let cases: Vec<_> = cases::all().into_iter().filter(|case| case.name.contains(filter)).collect();
    let outcomes = check(&Stripper::new(component)?, &cases)?;
    if let Some(other) = other {
        ensure!(outcomes == check(&Stripper::new(other)?, &cases)?, "the components behave differently");
    }
    println!("the type stripper: {} cases", cases.len());
    Ok(())
}

fn check(stripper: &Stripper, cases: &[Sample]) -> Result<Vec<String>> {
    let mut outcomes = Vec::new();
    let mut failures = Vec::new();
    for case in cases {
        let outcome = stripper.strip(&case.text).map_err(|error| trap(&error));
        if let Some(problem) = case.problem(&outcome) {
            failures.push(format!("{}: {problem}", case.name));
        }
        outcomes.push(format!("{outcome:?}"));
    }
    if !failures.is_empty() {
        bail!("{} of {} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
    }
    Ok(outcomes)
}

impl Sample {
    fn problem(&self, outcome: &Result<Result<String, Errors>, String>) -> Option<String> {
        match (&self.expected, outcome) {
            (Becomes::Text(expected), Ok(Ok(text))) => {
                let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                if words(text) != words(expected) {
                    return Some(format!("it becomes\n{text}"));
                }
                (!keeps_places(&self.text, text)).then(|| format!("something is in another place:\n{text}"))
            }
            (Becomes::Errors(expected), Ok(Err(errors))) => {
                let is_it = |((line, column, part), error): (&(u32, u32, &str), &(u32, u32, String))| {
                    (*line, *column) == (error.0, error.1) && error.2.contains(part)
                };
                let is_right = expected.len() == errors.len() && expected.iter().zip(errors).all(is_it);
                (!is_right).then(|| format!("it has the errors {errors:?}"))
            }
            (Becomes::Trap(part), Err(reason)) if reason.contains(part) => None,
            (_, outcome) => Some(format!("{outcome:?}")),
        }
    }
}

/// Whether every character that is left is where it was, but for those that end statements and join arrows.
fn keeps_places(before: &str, after: &str) -> bool {
    let is_kept = |(before, after): (char, char)| before == after || after == ' ' || ";()".contains(after);
    before.chars().count() == after.chars().count()
        && before.lines().count() == after.lines().count()
        && before.lines().zip(after.lines()).all(|(before, after)| before.chars().count() == after.chars().count())
        && before.chars().zip(after.chars()).all(is_kept)
}
