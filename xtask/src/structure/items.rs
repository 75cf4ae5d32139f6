//! The types and functions of a module's items, and which functions only forward a call.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Block, Expr, ExprPath, FnArg, ImplItem, Item, Pat, Signature, Stmt, TraitItem};

use crate::sources::is_for_tests;

/// Returns the name of the type or trait that an item defines.
pub(super) fn type_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Enum(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// A function with a body.
pub(super) struct Function<'a> {
    pub(super) signature: &'a Signature,
    body: &'a Block,
    /// Whether a trait requires it, because it is a method of an `impl Trait for Type`.
    is_required: bool,
}

/// Returns the functions and methods of an item, except those for tests.
pub(super) fn functions(item: &Item) -> Vec<Function<'_>> {
    let is_required = matches!(item, Item::Impl(item) if item.trait_.is_some());
    let found = |attributes: &[Attribute], signature, body| {
        (!is_for_tests(attributes)).then_some(Function { signature, body, is_required })
    };
    match item {
        Item::Fn(item) => found(&item.attrs, &item.sig, &item.block).into_iter().collect(),
        Item::Impl(item) => {
            let methods = item.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) => found(&method.attrs, &method.sig, &method.block),
                _ => None,
            });
            methods.collect()
        }
        Item::Trait(item) => {
            let methods = item.items.iter().filter_map(|item| match item {
                TraitItem::Fn(method) => found(&method.attrs, &method.sig, method.default.as_ref()?),
                _ => None,
            });
            methods.collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the code of an item without the methods of an `impl` that are for tests.
pub(super) fn without_tests(item: &Item) -> TokenStream {
    match item {
        Item::Impl(item) => {
            let mut item = item.clone();
            item.items.retain(|item| !matches!(item, ImplItem::Fn(method) if is_for_tests(&method.attrs)));
            item.into_token_stream()
        }
        item => item.to_token_stream(),
    }
}

impl Function<'_> {
    /// Returns whether the body is a single call that passes on the arguments or a part of `self`. A method that a trait
    /// requires does not count, because it cannot be removed.
    pub(super) fn forwards(&self) -> bool {
        if self.is_required {
            return false;
        }
        let [Stmt::Expr(body, _)] = &self.body.stmts[..] else { return false };
        let own = self.arguments();
        match bare(body) {
            Expr::Call(call) => {
                matches!(bare(&call.func), Expr::Path(path) if !makes_a_value(path))
                    && !call.args.is_empty()
                    && call.args.iter().all(|argument| is_own(argument, &own))
            }
            Expr::MethodCall(call) => {
                is_own(&call.receiver, &own) && call.args.iter().all(|argument| is_own(argument, &own))
            }
            _ => false,
        }
    }

    fn arguments(&self) -> Vec<String> {
        let names = self.signature.inputs.iter().filter_map(|argument| match argument {
            FnArg::Receiver(_) => Some("self".to_owned()),
            FnArg::Typed(argument) => match &*argument.pat {
                Pat::Ident(name) => Some(name.ident.to_string()),
                _ => None,
            },
        });
        names.collect()
    }
}

/// Returns the expression inside `?`, `.await`, `return`, references and parentheses.
fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Await(inner) => bare(&inner.base),
        Expr::Paren(inner) => bare(&inner.expr),
        Expr::Reference(inner) => bare(&inner.expr),
        Expr::Return(inner) => inner.expr.as_deref().map_or(expression, bare),
        Expr::Try(inner) => bare(&inner.expr),
        Expr::Unary(inner) => bare(&inner.expr),
        _ => expression,
    }
}

/// Returns whether a path names a variant or a tuple struct, so that calling it makes a value.
fn makes_a_value(path: &ExprPath) -> bool {
    let last = path.path.segments.last().map(|segment| segment.ident.to_string());
    last.is_some_and(|name| name.starts_with(char::is_uppercase))
}

/// Returns whether an expression is an argument of the function or a field of one.
fn is_own(expression: &Expr, own: &[String]) -> bool {
    match bare(expression) {
        Expr::Path(path) => path.path.get_ident().is_some_and(|name| own.iter().any(|own| name == own)),
        Expr::Field(field) => is_own(&field.base, own),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarding(code: &str) -> Vec<bool> {
        let parsed = syn::parse_file(code).unwrap();
        parsed.items.iter().flat_map(functions).map(|function| function.forwards()).collect()
    }

    #[test]
    fn a_call_that_passes_on_what_came_in_forwards() {
        let code = "
            impl A {
                async fn plain(&self, id: u64) -> Result<(), E> { self.inner.plain(id).await }
                fn tried(&self, id: &str) -> Result<u64, E> { return self.0.tried(&id)?; }
                fn counted(&self) -> usize { self.jobs.len() }
                fn free(&self, id: u64) { free(self, id) }
            }
            trait T { fn default(&self, a: u8) { self.other(a) } fn required(&self); }
            fn one(a: u8, b: u8) -> u8 { two(b, a) }
        ";
        assert_eq!(forwarding(code), [true; 6]);
    }

    #[test]
    fn a_call_with_something_of_its_own_does_not() {
        let code = "
            fn constant() -> Vec<u8> { Vec::new() }
            fn chosen(a: u8) -> u8 { two(a, 7) }
            fn field(a: A) -> u8 { a.b }
            fn made(a: u8) -> A { A { a } }
            fn wrapped(a: u8) -> Option<u8> { Some(a) }
            fn chained(&self) -> usize { self.jobs.lock().len() }
            fn twice(a: u8) { one(a); one(a) }
            fn none() {}
        ";
        let code = code.replace("&self", "self_: A").replace("self.", "self_.");
        assert_eq!(forwarding(&code), [false; 8]);
    }

    #[test]
    fn a_method_that_a_trait_requires_does_not() {
        let code = "
            impl Drop for A { fn drop(&mut self) { self.jobs.release(self.id) } }
            impl<T: Other> crate::Named for B<T> { fn name(&self) -> &str { self.0.name() } }
            impl B { fn name(&self) -> &str { self.0.name() } }
        ";
        assert_eq!(forwarding(code), [false, false, true]);
    }

    #[test]
    fn types_and_traits_have_names_and_functions_do_not() {
        let code = "struct A; enum B {} trait C {} type D = A; union E { a: u8 } fn f() {} const G: A = A; impl A {}";
        let names: Vec<_> = syn::parse_file(code).unwrap().items.iter().filter_map(type_name).collect();
        assert_eq!(names, ["A", "B", "C", "D", "E"]);
    }
}
