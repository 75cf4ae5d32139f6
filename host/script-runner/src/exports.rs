//! The roles, `compile` and `prepare` of the component.

use rquickjs::{Ctx, Value};

use crate::bindings::Guest;
use crate::bindings::exports::saggar::script::compiler;
use crate::bindings::exports::saggar::task::{
    add_handler, error_handler, id_source, processor, progress_handler, success_handler,
};
use crate::bindings::saggar::task::types::{Failure, Problem};
use crate::call::{self, Arguments};
use crate::problem::Thrown;
use crate::settle::Stop;
use crate::state::{self, MAX_SAFE_INTEGER, Phase, Role};
use crate::{Runner, compile, ffi, setup};

impl Guest for Runner {
    fn prepare() {
        setup::ensure_engine();
    }
}

impl compiler::Guest for Runner {
    fn compile(entry: String, functions: Vec<String>) -> Result<compiler::Compiled, Vec<compiler::Diagnostic>> {
        setup::ensure_engine();
        state::set_phase(Phase::Compiling);
        compile::compile(&entry, &functions, setup::fresh_context)
    }
}

impl processor::Guest for Runner {
    fn process(id: u64, args: String) -> Result<String, Failure> {
        let role = Role { id, name: Some("process") };
        call::run(role, |ctx| spread(ctx, id, args), call::response).map_err(Thrown::into_failure)
    }
}

impl id_source::Guest for Runner {
    fn next() -> Result<Option<u64>, Problem> {
        call::run(Role { id: 0, name: None }, |_| Ok(Vec::new()), call::new_id).map_err(Thrown::into_problem)
    }
}

impl add_handler::Guest for Runner {
    fn on_add(id: u64) -> Result<(), Problem> {
        notify(Role { id, name: Some("add") }, |ctx| Ok(vec![job_id(ctx, id)?]))
    }
}

impl progress_handler::Guest for Runner {
    fn on_progress(id: u64, current: u64, total: u64, message: String) -> Result<(), Problem> {
        // Calls of this handler are not repeated identically.
        notify(Role { id, name: None }, |ctx| {
            // Amounts beyond 2^53 are rounded: they are for people.
            let number = |amount: u64| Value::new_number(ctx.clone(), amount as f64);
            Ok(vec![job_id(ctx, id)?, number(current), number(total), ffi::string(ctx, &message)?])
        })
    }
}

impl success_handler::Guest for Runner {
    fn on_success(id: u64, response: String) -> Result<(), Problem> {
        let role = Role { id, name: Some("success") };
        notify(role, |ctx| Ok(vec![job_id(ctx, id)?, ctx.json_parse(response)?]))
    }
}

impl error_handler::Guest for Runner {
    fn on_error(id: u64, error: Problem) -> Result<(), Problem> {
        let role = Role { id, name: Some("error") };
        notify(role, |ctx| Ok(vec![job_id(ctx, id)?, ffi::string(ctx, &error.message)?]))
    }
}

/// Calls a handler whose result does not matter.
fn notify(role: Role, arguments: impl for<'js> FnOnce(&Ctx<'js>) -> Arguments<'js>) -> Result<(), Problem> {
    call::run(role, arguments, |_| Ok(())).map_err(Thrown::into_problem)
}

/// Returns the arguments of a processor: the job's id and what it was added with.
fn spread<'js>(ctx: &Ctx<'js>, id: u64, args: String) -> Arguments<'js> {
    let mut values = vec![job_id(ctx, id)?];
    let args = ctx.json_parse(args)?;
    if let Some(args) = args.as_array() {
        values.reserve(args.len());
        for index in 0..args.len() {
            values.push(args.get(index)?);
        }
    }
    Ok(values)
}

/// Returns a job's id as a number, if a number can hold it.
fn job_id<'js>(ctx: &Ctx<'js>, id: u64) -> Result<Value<'js>, Stop> {
    if id <= MAX_SAFE_INTEGER {
        return Ok(Value::new_number(ctx.clone(), id as f64));
    }
    let message = format!("the job's id {id} is above 2^53 - 1, so that a JavaScript number cannot hold it");
    Err(Thrown::reject("id-too-large", message).into())
}
