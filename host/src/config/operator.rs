//! Keys that an app's own `saggar.toml` must not set, and keys that it sets in place of the operator. A file that the
//! operator names with `--config` or `SAGGAR_CONFIG` is fully trusted; the app's own file is not read then.

use std::path::{Component, Path};

use saggar::StoreChoice;
use saggar_definition::{Diagnostic, Location};

use super::input::{Entry, Node, Origin};
use super::keys::Key;
use super::value::{Reader, Setting};

/// Keys that an app cannot set: with them, it could run code outside of its sandboxes, read data of other apps, or keep
/// rights that the host would give up.
const OPERATOR_ONLY: [&str; 4] = ["harden", "allow_root", "cache_dir", "env_allow"];

/// Keys with effects beyond the app: which clients can connect, which files are written, where data is sent.
const WARNED_ABOUT: [&str; 4] = ["listen", "token", "store", "otlp.endpoint"];

/// Returns whether an app's own file must not set this key.
pub(super) fn is_operator_only(key: &Key) -> bool {
    OPERATOR_ONLY.contains(&key.name)
}

/// Reports that an app's own file sets an operator's key.
pub(super) fn reject(key: &Key, entry: &Entry, reader: &mut Reader) {
    let message = format!("an app's own saggar.toml cannot set `{}`: only the operator can", key.name);
    let help = format!(
        "remove it and use `{}` or {}, or name this file with `--config` if it is yours",
        key.flag, key.variable
    );
    reader.in_file().error(entry.name_span, message, help);
}

/// Reports that an app's own file has tenants.
pub(super) fn reject_tenants(entry: &Entry, reader: &mut Reader) {
    let message = "an app's own saggar.toml cannot have tenants: only the operator can";
    let help = "put `[[tenant]]` into a file of your own, and name it with `saggar serve --config FILE`";
    reader.in_file().error(entry.name_span, message, help);
}

/// Reports that an app's own file grants something to itself.
pub(super) fn reject_grants(entry: &Entry, reader: &mut Reader) {
    let message = "an app's own saggar.toml cannot grant anything: only the operator can";
    let help = "put `[grants]` into a file of your own, and name it with `--config FILE`";
    reader.in_file().error(entry.name_span, message, help);
}

/// Reports that an app's own file, which is in the directory `app`, puts the store outside of the app, and returns the store
/// to use instead. A hardened host may write to the directory of its store, so the app would open any directory to a
/// guest that has escaped.
pub(super) fn check_store(store: StoreChoice, app: &Path, reader: &mut Reader) -> StoreChoice {
    let StoreChoice::Sqlite { path: Some(path), durability } = &store else { return store };
    let Some(node) = reader.node_in_file("store").filter(|_| !is_inside(app, path)) else { return store };
    let message = "an app's own saggar.toml cannot put the store outside of the app: only the operator can";
    let help = "write a path inside of the app, use `--store` or SAGGAR_STORE, or name this file with `--config` if it \
                is yours";
    reader.error(&node, message, help);
    StoreChoice::Sqlite { path: None, durability: *durability }
}

/// Returns whether a file is inside of a directory, or would be if it existed. Follows all links.
fn is_inside(dir: &Path, file: &Path) -> bool {
    let Some(existing) = file.ancestors().find(|path| path.symlink_metadata().is_ok()) else { return false };
    let (Ok(dir), Ok(real), Ok(missing)) = (dir.canonicalize(), existing.canonicalize(), file.strip_prefix(existing))
    else {
        return false;
    };
    let leads_back = missing.components().any(|part| part == Component::ParentDir);
    // The directory itself is not inside: what is beside it would be beside the store.
    let is_dir_itself = real == dir && missing.as_os_str().is_empty();
    real.starts_with(&dir) && !leads_back && !is_dir_itself
}

/// Returns a warning if the app's own file decides settings with effects beyond the app.
pub(super) fn warning<'a>(settings: impl Iterator<Item = &'a Setting>) -> Option<Diagnostic> {
    let decided = |setting: &&Setting| setting.origin == Origin::File && WARNED_ABOUT.contains(&setting.key);
    let decided: Vec<&Setting> = settings.filter(decided).collect();
    let file = decided.first()?.node.as_ref().map(Node::location)?.file;
    let keys: Vec<String> = decided.iter().map(|setting| format!("`{}`", setting.key)).collect();
    let warning = Diagnostic::warning(Location::file(file), format!("the app itself sets {}", keys.join(", ")));
    Some(warning.with_help("if the app is yours, name this file with `--config`; otherwise name a file of your own"))
}
