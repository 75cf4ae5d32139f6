//! The names of script files, and what `import` may name.

/// What the name of a file ends in, for messages. The file that exists has to be named: nothing is tried.
const ENDINGS: &str = "write the name of the file with its extension, `.js`, `.mjs`, `.ts` or `.mts`";

/// The folder that scripts are in.
const ROOT: &str = "scripts/";

/// Resolves what a file imports to the name of a file; the error says in one sentence why it cannot be imported.
pub(crate) fn resolve(importer: &str, specifier: &str) -> Result<String, String> {
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        return Err(format!(
            "`{specifier}` cannot be imported: a script imports files below `scripts/` only, with a relative path such as \
             `./{}.js`; there are no packages, and no modules of Node",
            specifier.rsplit([':', '/']).next().unwrap_or(specifier)
        ));
    }
    let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            // The first part is `scripts`.
            ".." if parts.len() > 1 => drop(parts.pop()),
            ".." => return Err(format!("`{specifier}` leads out of `scripts/`")),
            name => parts.push(name),
        }
    }
    let file = parts.join("/");
    check(&file).map(|()| file).map_err(|why| format!("`{specifier}` cannot be imported: {why}"))
}

/// Checks that a name is one of a script; the error says why it is not.
pub(crate) fn check(file: &str) -> Result<(), String> {
    let Some(path) = file.strip_prefix(ROOT) else { return Err(format!("`{file}` is not below `scripts/`")) };
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") || path.contains(['\\', '\0', ':']) {
        return Err(format!("`{file}` is not the name of a file below `scripts/`"));
    }
    if [".cts", ".tsx", ".jsx", ".cjs"].iter().any(|ending| path.ends_with(ending)) {
        return Err(format!("`{file}` is neither JavaScript nor TypeScript that can run here: {ENDINGS}"));
    }
    if path.ends_with(".d.ts") || path.ends_with(".d.mts") {
        return Err(format!("`{file}` has only types: write `import type`"));
    }
    if ![".js", ".mjs", ".ts", ".mts"].iter().any(|ending| path.ends_with(ending)) {
        return Err(format!("`{file}` has no extension of a script: {ENDINGS}"));
    }
    Ok(())
}

/// Whether a file is a module even if it neither imports nor exports.
pub(crate) fn is_module(file: &str) -> bool {
    file.ends_with(".mjs") || file.ends_with(".mts")
}

/// Whether the host has blanked types out of a file.
pub(crate) fn is_typescript(file: &str) -> bool {
    file.ends_with(".ts") || file.ends_with(".mts")
}

/// Whether an error's position can be in this file.
pub(crate) fn is_script(file: &str) -> bool {
    file.starts_with(ROOT)
}
