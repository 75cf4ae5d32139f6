//! The module: finds the marked functions, checks them against each other, generates the type `Plugin`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemFn, ItemMod};

use crate::errors::Errors;
use crate::function::Function;
use crate::role::Role;

/// Expands `#[plugin]`.
pub(crate) fn expand(options: TokenStream, module: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    if !options.is_empty() {
        errors.push(options, "`#[plugin]` has no options");
    }
    let mut module: ItemMod = match syn::parse2(module.clone()) {
        Ok(module) => module,
        Err(_) => {
            errors.push(module, format!("`#[plugin]` belongs on a module\n\n{SHAPE}"));
            return quote!(#errors);
        }
    };
    let Some((_, items)) = &mut module.content else {
        errors.push(&module, format!("`#[plugin]` belongs on a module with its content in braces\n\n{SHAPE}"));
        return quote!(#errors);
    };
    let functions = take_functions(items, &mut errors);
    if functions.is_empty() && errors.0.is_empty() {
        errors.push(&module.ident, format!("the plugin has no marked function\n\n{MARKS}\n\n{SHAPE}"));
    }
    compare(&functions, &mut errors);
    if errors.0.is_empty() {
        items.push(Item::Verbatim(plugin(&functions)));
        quote!(#module)
    } else {
        // The expansion keeps the module so that editors still analyze it.
        quote!(#errors #[allow(unused, reason = "nothing is exported while there are errors")] #module)
    }
}

/// Expands a mark outside of `#[plugin]`, which is an error.
pub(crate) fn misplaced(mark: &str, function: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    errors.push(&function, format!("`#[{mark}]` belongs on a function inside a `#[plugin]` module\n\n{SHAPE}"));
    quote!(#errors #function)
}

const MARKS: &str = "marks: #[processor], #[next], #[on_add], #[on_progress], #[on_success], #[on_error]";

const SHAPE: &str = "expected:
    #[saggar_guest::plugin]
    mod thumbnail {
        use saggar_guest::prelude::*;

        #[processor]
        fn thumbnail(job: &Job, url: String, width: u32) -> Result<Thumbnail, Failure> { … }
    }";

fn take_functions(items: &mut [Item], errors: &mut Errors) -> Vec<Function> {
    let mut functions = Vec::new();
    for item in items {
        if let Item::Fn(item) = item {
            functions.extend(take_function(item, errors));
        }
    }
    functions
}

/// Removes the mark from a function, so that the mark's own macro is not expanded, and reads both.
fn take_function(item: &mut ItemFn, errors: &mut Errors) -> Option<Function> {
    let mut function = None;
    let mut marks = Vec::new();
    item.attrs.retain(|attribute| {
        let role = Role::ALL
            .into_iter()
            .find(|role| attribute.path().segments.last().is_some_and(|name| name.ident == role.mark()));
        marks.extend(role.map(|role| (role, attribute.clone())));
        role.is_none()
    });
    for (role, mark) in marks {
        if function.is_some() {
            errors.push(mark, "a function has only one role, and this one already has a mark");
            continue;
        }
        function = Some(Function::read(role, &mark, item, errors));
    }
    function
}

/// Checks the functions of one role against each other. Skips functions with a `#[cfg]` because the macro cannot know
/// which of them are compiled.
fn compare(functions: &[Function], errors: &mut Errors) {
    for role in Role::ALL {
        let (mut names, mut default) = (Vec::new(), false);
        for function in functions.iter().filter(|function| function.role == role && function.cfgs.is_empty()) {
            let mark = role.mark();
            if names.contains(&function.name.value()) {
                let name = function.name.value();
                errors.push(
                    &function.name,
                    format!("another `#[{mark}]` already has the name `{name}`\n\nrename one: #[{mark}(name = \"…\")]"),
                );
            }
            names.push(function.name.value());
            if let Some(option) = &function.default {
                if default {
                    errors.push(option, format!("another `#[{mark}]` is already the default; a role has at most one"));
                }
                default = true;
            }
        }
    }
}

fn plugin(functions: &[Function]) -> TokenStream {
    let roles = Role::ALL.into_iter().filter_map(|role| {
        let entries: Vec<_> = functions.iter().filter(|function| function.role == role).map(Function::entry).collect();
        (!entries.is_empty()).then(|| impl_role(role, &entries))
    });
    quote! {
        /// The plugin type that the host calls.
        #[derive(Debug)]
        #[allow(dead_code, reason = "on the native target only tests use it")]
        pub(super) enum Plugin {}

        #(#roles)*
    }
}

fn impl_role(role: Role, entries: &[TokenStream]) -> TokenStream {
    let (marker, module) = (role.marker(), role.module());
    quote! {
        impl ::saggar_guest::role::HasRole<::saggar_guest::role::#marker> for Plugin {
            const ENTRIES: &'static [::saggar_guest::role::Entry<
                <::saggar_guest::role::#marker as ::saggar_guest::role::Role>::Call
            >] = &[#(#entries),*];
        }

        #[cfg(target_arch = "wasm32")]
        ::saggar_guest::__export!(#module, Plugin);

        // Prevents warnings about dead code in functions that only the host calls.
        #[cfg(not(target_arch = "wasm32"))]
        const _: usize = <Plugin as ::saggar_guest::role::HasRole<::saggar_guest::role::#marker>>::ENTRIES.len();
    }
}
