//! What the engine asks for when a module imports another one: which file that is, and its code.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::{Ctx, Exception, Module, Result};

use crate::state::{self, Phase};
use crate::{bytecode, probe, script, sources, specifier};

/// Turns what `import` names into the name of a file.
pub(crate) struct ScriptResolver;

impl Resolver for ScriptResolver {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        importer: &str,
        specifier: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let resolved = match attributes {
            Some(_) => {
                Err(format!("`{specifier}` cannot be imported with attributes: only JavaScript can be imported"))
            }
            None => specifier::resolve(importer, specifier),
        };
        let is_compiling = state::phase() == Phase::Compiling;
        match resolved {
            Ok(file) => {
                if is_compiling {
                    sources::begin_import(importer, specifier, &file);
                }
                Ok(file)
            }
            Err(why) if is_compiling => {
                sources::note_import(importer, specifier, &why);
                Ok(sources::UNRESOLVED.into())
            }
            Err(why) => Err(Exception::throw_type(ctx, &why)),
        }
    }
}

/// Finds the code of a file.
pub(crate) struct ScriptLoader;

impl Loader for ScriptLoader {
    fn load<'js>(&mut self, ctx: &Ctx<'js>, file: &str, _: Option<ImportAttributes<'js>>) -> Result<Module<'js>> {
        match state::phase() {
            Phase::Compiling => sources::import(ctx, file),
            Phase::Probing => probe::import(ctx, file),
            Phase::Preparing | Phase::Running => {
                let Some(code) = script::imported(file) else {
                    let why = format!(
                        "`{file}` is not part of the compiled script: a file that is imported with `import(…)` must also be named \
                         by an `import` declaration"
                    );
                    return Err(Exception::throw_type(ctx, &why));
                };
                bytecode::read_module(ctx, &code)
            }
        }
    }
}
