//! One marked function: its mark's options, and its entry in the dispatch table.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, ItemFn, LitStr, Type};

use crate::errors::Errors;
use crate::role::Role;
use crate::signature::{Parameter, check_kind, is_option, last_segment, read_parameters, read_return_type};

/// A function of the plugin.
pub(crate) struct Function {
    pub(crate) role: Role,
    /// The name after `#` in a reference.
    pub(crate) name: LitStr,
    /// The path in its `default` option. Errors about the option are reported at it.
    pub(crate) default: Option<syn::Path>,
    ident: Ident,
    /// Its `#[cfg]` attributes, which also apply to its entry.
    pub(crate) cfgs: Vec<Attribute>,
    parameters: Vec<Parameter>,
    fallible: bool,
    return_type: Option<Type>,
}

impl Function {
    /// Reads the function that `mark` is on.
    pub(crate) fn read(role: Role, mark: &Attribute, item: &ItemFn, errors: &mut Errors) -> Self {
        let signature = &item.sig;
        let (name, default) = read_options(role, mark, errors);
        check_kind(role, signature, errors);
        let return_type = read_return_type(role, signature, errors);
        let name = name.unwrap_or_else(|| LitStr::new(&plain(&signature.ident), signature.ident.span()));
        if !is_name(&name.value()) {
            errors.push(&name, format!("{NAME}\n\ngive it one: #[{}(name = \"send-2\")]", role.mark()));
        }
        Self {
            role,
            name,
            default,
            ident: signature.ident.clone(),
            cfgs: item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
            parameters: read_parameters(role, signature, errors),
            fallible: return_type.as_ref().and_then(last_segment).is_some_and(|name| name == "Result"),
            return_type,
        }
    }

    /// Generates the function's entry in the dispatch table.
    pub(crate) fn entry(&self) -> TokenStream {
        let Self { name, cfgs, .. } = self;
        let default = self.default.is_some();
        let call = match self.role {
            Role::Processor => self.processor(),
            Role::IdSource => {
                let call = self.fallible_call(&quote!());
                let result = quote_spanned!(self.return_type.span()=> ::saggar_guest::__private::next_id(#call));
                quote!(|| #result)
            }
            Role::AddHandler => {
                let handler_call = self.handler_call(&quote!(job));
                quote!(|job| #handler_call)
            }
            Role::ProgressHandler | Role::ErrorHandler => {
                let handler_call = self.handler_call(&quote!(job, value));
                quote!(|job, value| #handler_call)
            }
            Role::SuccessHandler => {
                let kind = self.parameters.first().map(|parameter| &parameter.kind);
                let response =
                    quote_spanned!(kind.span()=> ::saggar_guest::__private::from_response::<#kind>(response)?);
                let handler_call = self.handler_call(&quote!(job, #response));
                quote!(|job, response| #handler_call)
            }
        };
        quote!(#(#cfgs)* ::saggar_guest::role::Entry { name: #name, default: #default, call: #call })
    }

    fn processor(&self) -> TokenStream {
        let first_optional =
            self.parameters.iter().rposition(|parameter| !is_option(&parameter.kind)).map_or(0, |at| at + 1);
        let described = self.parameters.iter().enumerate().map(|(index, Parameter { ident, kind })| {
            let name = plain(ident);
            let kind = kind.to_token_stream().to_string().replace(' ', "");
            let optional = index >= first_optional;
            quote!(::saggar_guest::__private::Parameter { name: #name, kind: #kind, optional: #optional })
        });
        let values = self
            .parameters
            .iter()
            .map(|Parameter { kind, .. }| quote_spanned!(kind.span()=> arguments.take::<#kind>()?));
        let bindings: Vec<_> = (0..self.parameters.len()).map(|index| format_ident!("argument{index}")).collect();
        let mutability = (!bindings.is_empty()).then(|| quote!(mut));
        let call = self.fallible_call(&quote!(job, #(#bindings),*));
        let result = quote_spanned!(self.return_type.span()=> ::saggar_guest::__private::to_json(#call));
        quote! {
            |job, arguments| {
                const PARAMETERS: &[::saggar_guest::__private::Parameter] = &[#(#described),*];
                #[allow(unused_variables, reason = "without parameters only the number of arguments is checked")]
                let #mutability arguments = ::saggar_guest::__private::Arguments::parse(arguments, PARAMETERS)?;
                #(let #bindings = #values;)*
                #result
            }
        }
    }

    /// Generates the call, with `?` if it can fail. Its span is the return type's, so that errors about it point there.
    fn fallible_call(&self, arguments: &TokenStream) -> TokenStream {
        let (ident, span) = (&self.ident, self.return_type.span());
        let call = quote_spanned!(span=> self::#ident(#arguments));
        if self.fallible { quote_spanned!(span=> ::saggar_guest::__private::failable(#call)?) } else { call }
    }

    /// Generates the call of a handler, which must return `()`.
    fn handler_call(&self, arguments: &TokenStream) -> TokenStream {
        let call = self.fallible_call(arguments);
        quote!({ let () = #call; ::core::result::Result::Ok(()) })
    }
}

/// The error for a name that a task's reference does not accept after `#`.
const NAME: &str = "a name consists of ASCII letters, digits, `-` and `_`: it follows `#` in a task's reference";

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_')
}

/// Returns an identifier's text, without the `r#` of a raw identifier.
fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

fn read_options(role: Role, mark: &Attribute, errors: &mut Errors) -> (Option<LitStr>, Option<syn::Path>) {
    let (mut name, mut default) = (None, None);
    if matches!(mark.meta, syn::Meta::Path(_)) {
        return (name, default);
    }
    let read = mark.parse_nested_meta(|option| {
        if option.path.is_ident("name") {
            let value: LitStr = option.value()?.parse()?;
            name = Some(value);
        } else if option.path.is_ident("default") {
            default = Some(option.path.clone());
        } else {
            let mark = role.mark();
            return Err(option.error(format!(
                "unknown option; valid options are `#[{mark}(name = \"…\")]` and `#[{mark}(default)]`"
            )));
        }
        Ok(())
    });
    if let Err(error) = read {
        errors.0.push(error);
    }
    (name, default)
}
