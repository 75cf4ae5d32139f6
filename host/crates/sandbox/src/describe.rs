//! Component types as text, to compare and display the exports of a component and those that the contract expects.

use std::fmt::Write;

use wasmtime::component::types::{ComponentFunc, Type};

/// Maximum depth of a type; deeper types are cut off. A component can nest types to any depth; the contract nests less.
const MAX_DEPTH: usize = 12;

/// Formats a function type, such as `func(id: u64, args: string) -> result<string, …>`, with all type names resolved.
pub(crate) fn function(func: &ComponentFunc) -> String {
    let mut text = String::from(if func.async_() { "async func(" } else { "func(" });
    for (at, (name, ty)) in func.params().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{name}: ");
        describe(&ty, &mut text, 0);
    }
    text.push(')');
    for ty in func.results() {
        text.push_str(" -> ");
        describe(&ty, &mut text, 0);
    }
    text
}

fn describe(ty: &Type, text: &mut String, depth: usize) {
    if depth > MAX_DEPTH || text.len() > 2048 {
        text.push('…');
        return;
    }
    match ty {
        Type::List(list) => wrap("list", [Some(list.ty())], text, depth),
        Type::Option(option) => wrap("option", [Some(option.ty())], text, depth),
        Type::Result(result) => wrap("result", [result.ok(), result.err()], text, depth),
        Type::Tuple(tuple) => wrap("tuple", tuple.types().map(Some), text, depth),
        Type::Record(record) => {
            let fields = record.fields().map(|field| (field.name.to_owned(), Some(field.ty)));
            named("record", fields, text, depth);
        }
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| (case.name.to_owned(), case.ty));
            named("variant", cases, text, depth);
        }
        Type::Enum(names) => named("enum", names.names().map(|name| (name.to_owned(), None)), text, depth),
        Type::Flags(names) => named("flags", names.names().map(|name| (name.to_owned(), None)), text, depth),
        plain => text.push_str(plain_name(plain)),
    }
}

fn wrap(name: &str, inner: impl IntoIterator<Item = Option<Type>>, text: &mut String, depth: usize) {
    text.push_str(name);
    text.push('<');
    for (at, ty) in inner.into_iter().enumerate() {
        text.push_str(if at == 0 { "" } else { ", " });
        match ty {
            Some(ty) => describe(&ty, text, depth + 1),
            None => text.push('_'),
        }
    }
    text.push('>');
}

fn named(kind: &str, items: impl Iterator<Item = (String, Option<Type>)>, text: &mut String, depth: usize) {
    let _ = write!(text, "{kind} {{ ");
    for (at, (name, ty)) in items.enumerate() {
        let _ = write!(text, "{}{name}", if at == 0 { "" } else { ", " });
        if let Some(ty) = ty {
            text.push_str(": ");
            describe(&ty, text, depth + 1);
        }
    }
    text.push_str(" }");
}

fn plain_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::Own(_) => "a resource",
        Type::Borrow(_) => "a borrowed resource",
        Type::Future(_) => "a future",
        Type::Stream(_) => "a stream",
        _ => "an unknown type",
    }
}
