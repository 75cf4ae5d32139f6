//! Bytecode of the engine behind a header: which kind of script it is, and a checksum.
//!
//! The engine does not verify bytecode. It comes from `compile` of the same runner through the host's memory; the checksum tells
//! a mistake on that way apart from a script's own failure. It is no protection: that is the sandbox.

use std::mem::MaybeUninit;
use std::slice;

use rquickjs::module::WriteOptions;
use rquickjs::{Ctx, Error, Module, Object, Result, Value, qjs};

use crate::ffi;

const MAGIC: [u8; 4] = *b"SGJ1";
const HEADER_BYTES: usize = MAGIC.len() + 1 + 8;

/// How a file runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A classic script: its functions are global.
    Script,
    /// A classic script with `await` outside of functions.
    AsyncScript,
    /// A module: its functions are exported.
    Module,
}

impl Form {
    fn tag(self) -> u8 {
        match self {
            Self::Script => b's',
            Self::AsyncScript => b'a',
            Self::Module => b'm',
        }
    }

    fn from_tag(tag: u8) -> Option<Self> {
        [Self::Script, Self::AsyncScript, Self::Module].into_iter().find(|form| form.tag() == tag)
    }

    /// Returns the engine's flags to evaluate a text of this form.
    pub(crate) fn flags(self) -> u32 {
        match self {
            Self::Script => qjs::JS_EVAL_TYPE_GLOBAL,
            Self::AsyncScript => qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_ASYNC,
            Self::Module => qjs::JS_EVAL_TYPE_MODULE,
        }
    }
}

/// Compiles a classic script. Runs nothing.
pub(crate) fn compile_script(ctx: &Ctx<'_>, file: &str, source: &str, form: Form) -> Result<Vec<u8>> {
    let function = ffi::eval_with(ctx, file, source, form.flags() | qjs::JS_EVAL_FLAG_COMPILE_ONLY)?;
    let mut length = MaybeUninit::uninit();
    // Without the source text, which only `Function.prototype.toString` needs.
    let flags = (qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE) as i32;
    // SAFETY: the value is compiled code; the engine writes the length if it returns bytes.
    let start = unsafe { qjs::JS_WriteObject(ffi::raw(ctx), length.as_mut_ptr(), function.as_raw(), flags) };
    if start.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: this many bytes were written; they are copied and then freed.
    let code = unsafe {
        let code = seal(form, slice::from_raw_parts(start, length.assume_init() as usize));
        qjs::js_free(ffi::raw(ctx), start.cast());
        code
    };
    Ok(code)
}

/// Writes the code of a compiled module.
pub(crate) fn write_module(module: &Module<'_>) -> Result<Vec<u8>> {
    let code = module.write(WriteOptions { strip_source: true, ..WriteOptions::default() })?;
    Ok(seal(Form::Module, &code))
}

/// Reads compiled code. Runs nothing.
fn read<'js>(ctx: &Ctx<'js>, code: &[u8]) -> Result<Value<'js>> {
    // SAFETY: `open` has checked that it is what `compile_script` or `write_module` wrote; the engine copies it.
    ffi::owned(ctx, unsafe {
        let flags = qjs::JS_READ_OBJ_BYTECODE as i32;
        qjs::JS_ReadObject(ffi::raw(ctx), code.as_ptr(), code.len() as _, flags)
    })
}

fn evaluate<'js>(ctx: &Ctx<'js>, code: &Value<'js>) -> Result<Value<'js>> {
    // SAFETY: the engine takes over a reference, so it gets one of its own.
    ffi::owned(ctx, unsafe { qjs::JS_EvalFunction(ffi::raw(ctx), qjs::JS_DupValue(ffi::raw(ctx), code.as_raw())) })
}

/// Runs a compiled classic script. Returns what it evaluates to: a promise for an `AsyncScript`.
pub(crate) fn run_script<'js>(ctx: &Ctx<'js>, code: &[u8]) -> Result<Value<'js>> {
    let function = read(ctx, code)?;
    evaluate(ctx, &function)
}

/// Runs a compiled module, after those that it imports, which the loader reads. Returns its namespace and its promise.
pub(crate) fn run_module<'js>(ctx: &Ctx<'js>, code: &[u8]) -> Result<(Object<'js>, Value<'js>)> {
    let module = read(ctx, code)?;
    if !module.is_module() {
        return Err(Error::Unknown);
    }
    // A module that is read, unlike one that is compiled, does not know its imports yet.
    // SAFETY: the value is a module.
    if unsafe { qjs::JS_ResolveModule(ffi::raw(ctx), module.as_raw()) } < 0 {
        return Err(Error::Exception);
    }
    let promise = evaluate(ctx, &module)?;
    // SAFETY: the value is a module, so its pointer is a module's definition.
    let namespace = ffi::owned(ctx, unsafe {
        qjs::JS_GetModuleNamespace(ffi::raw(ctx), qjs::JS_VALUE_GET_PTR(module.as_raw()).cast())
    })?;
    Ok((namespace.get()?, promise))
}

/// Reads a compiled module that another one imports. Runs nothing.
pub(crate) fn read_module<'js>(ctx: &Ctx<'js>, code: &[u8]) -> Result<Module<'js>> {
    // SAFETY: `open` has checked that it is what `write_module` wrote.
    unsafe { Module::load(ctx.clone(), code) }
}

fn seal(form: Form, code: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEADER_BYTES + code.len());
    sealed.extend_from_slice(&MAGIC);
    sealed.push(form.tag());
    sealed.extend_from_slice(&checksum(code).to_le_bytes());
    sealed.extend_from_slice(code);
    sealed
}

/// Returns the form and the engine's bytes; `None` if these are not what was written.
pub(crate) fn open(sealed: &[u8]) -> Option<(Form, &[u8])> {
    let (header, code) = sealed.split_at_checked(HEADER_BYTES)?;
    let form = Form::from_tag(header[MAGIC.len()])?;
    let is_whole = header.starts_with(&MAGIC) && header[MAGIC.len() + 1..] == checksum(code).to_le_bytes();
    is_whole.then_some((form, code))
}

/// FNV-1a over words of eight bytes: one multiplication a word.
fn checksum(code: &[u8]) -> u64 {
    let mut words = code.chunks_exact(8);
    let mut sum = code.len() as u64 ^ 0xcbf2_9ce4_8422_2325;
    let mut take = |word: u64| sum = (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
    for word in &mut words {
        take(u64::from_le_bytes(word.try_into().expect("chunks of eight bytes")));
    }
    for byte in words.remainder() {
        take(u64::from(*byte));
    }
    sum
}
