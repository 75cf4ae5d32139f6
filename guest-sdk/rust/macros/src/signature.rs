//! Checks a marked function's signature against its role.

use std::fmt::Display;

use quote::{ToTokens, quote};
use syn::{FnArg, Ident, Pat, PatType, ReturnType, Signature, Type};

use crate::errors::Errors;
use crate::role::Role;

/// A parameter after the job.
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) kind: Type,
}

/// Rejects kinds of functions that the host cannot call: `async`, `unsafe`, `extern` and generic ones.
pub(crate) fn check_kind(role: Role, signature: &Signature, errors: &mut Errors) {
    let mut reject = |tokens: &dyn ToTokens, what| reject(role, tokens, what, errors);
    if let Some(keyword) = &signature.asyncness {
        reject(keyword, "the host calls a plain function, which may block: remove `async`");
    }
    if let Some(keyword) = &signature.unsafety {
        reject(keyword, "the host calls a plain function: remove `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        reject(abi, "the host calls a plain function: remove `extern`");
    }
    if !signature.generics.params.is_empty() {
        reject(&signature.generics.params, "the host needs one concrete type for each argument: remove the generics");
    }
}

pub(crate) fn read_parameters(role: Role, signature: &Signature, errors: &mut Errors) -> Vec<Parameter> {
    let mut inputs = signature.inputs.iter();
    if role.takes_job() {
        match inputs.next() {
            Some(FnArg::Typed(first)) if is_job(&first.ty) => {}
            Some(FnArg::Typed(first)) => {
                reject(role, &first.ty, "the first parameter must be the job: `job: &Job`", errors)
            }
            Some(FnArg::Receiver(receiver)) => {
                reject(role, receiver, "a plugin's function has no receiver: remove `self`", errors)
            }
            None => reject(role, &signature.ident, "the first parameter must be the job: `job: &Job`", errors),
        }
    }
    let rest: Vec<_> = inputs.collect();
    if let Some(number) = role.parameters()
        && rest.len() != number
    {
        let given = if rest.is_empty() { signature.ident.to_token_stream() } else { quote!(#(#rest),*) };
        reject(role, given, "the parameters do not match those of this role", errors);
    }
    rest.into_iter().filter_map(|input| read_parameter(role, input, errors)).collect()
}

fn read_parameter(role: Role, input: &FnArg, errors: &mut Errors) -> Option<Parameter> {
    let PatType { pat, ty, .. } = match input {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            reject(role, receiver, "a plugin's function has no receiver: remove `self`", errors);
            return None;
        }
    };
    match &**ty {
        // The job in the wrong position; the first parameter has already been rejected.
        kind if is_job(kind) => return None,
        Type::Reference(reference) => reject(role, reference, owned(&reference.elem), errors),
        Type::ImplTrait(_) => reject(role, ty, "an argument needs a concrete type: replace `impl`", errors),
        _ => {}
    }
    match &**pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            Some(Parameter { ident: name.ident.clone(), kind: (**ty).clone() })
        }
        _ => {
            reject(role, pat, "an argument needs a plain name because the host's messages show it", errors);
            None
        }
    }
}

/// Explains why a reference cannot be an argument, with the owned type where it is obvious.
fn owned(borrowed: &Type) -> String {
    let instead = match borrowed {
        Type::Slice(slice) => {
            let item = slice.elem.to_token_stream();
            format!("Vec<{item}>")
        }
        kind if last_segment(kind).is_some_and(|name| name == "str") => "String".into(),
        kind => kind.to_token_stream().to_string(),
    };
    format!("an argument is an owned value: write `{instead}`")
}

pub(crate) fn read_return_type(role: Role, signature: &Signature, errors: &mut Errors) -> Option<Type> {
    match &signature.output {
        ReturnType::Type(_, kind) => Some((**kind).clone()),
        ReturnType::Default => {
            if role.returns_value() {
                let hint = if role == Role::Processor { "; without a result, `Result<(), Failure>`" } else { "" };
                reject(role, &signature.ident, format!("the function must return a value{hint}"), errors);
            }
            None
        }
    }
}

fn reject(role: Role, tokens: impl ToTokens, what: impl Display, errors: &mut Errors) {
    errors.push(tokens, format!("{what}\n{}", expected_signature(role)));
}

fn expected_signature(role: Role) -> String {
    format!("\nexpected: #[{}] {}", role.mark(), role.expected())
}

fn is_job(kind: &Type) -> bool {
    matches!(kind, Type::Reference(reference)
        if reference.mutability.is_none() && last_segment(&reference.elem).is_some_and(|name| name == "Job"))
}

pub(crate) fn is_option(kind: &Type) -> bool {
    last_segment(kind).is_some_and(|name| name == "Option")
}

pub(crate) fn last_segment(kind: &Type) -> Option<&Ident> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}
