//! What an app's own `saggar.toml` must not decide, and what it decides in place of the operator. A file that the
//! operator names with `--config` or `SAGGAR_CONFIG` is trusted fully; the app's is not read then.

use saggar_definition::{Diagnostic, Location};

use super::input::{Entry, Node, Origin};
use super::keys::Key;
use super::value::{Reader, Setting};

/// Keys that an app cannot set: with them it could run code outside of its sandboxes, or read data of others.
const OPERATOR_ONLY: [&str; 2] = ["cache_dir", "env_allow"];

/// Keys with effects beyond the app: who can connect and from where, which files are written, where data is sent.
const WARNED_ABOUT: [&str; 4] = ["listen", "token", "store", "otlp.endpoint"];

/// Whether an app's own file must not set this key.
pub(super) fn is_operator_only(key: &Key) -> bool {
    OPERATOR_ONLY.contains(&key.name)
}

/// Reports that an app's own file sets such a key.
pub(super) fn reject(key: &Key, entry: &Entry, reader: &mut Reader) {
    let message = format!("an app's own saggar.toml cannot set `{}`: only the operator can", key.name);
    let help = format!(
        "remove it and use `{}` or {}, or name this file with `--config` if it is yours",
        key.flag, key.variable
    );
    reader.in_file().error(entry.name_span, message, help);
}

/// Warns of settings with effects beyond the app that the app's own file decides.
pub(super) fn warning<'a>(settings: impl Iterator<Item = &'a Setting>) -> Option<Diagnostic> {
    let decided = |setting: &&Setting| setting.origin == Origin::File && WARNED_ABOUT.contains(&setting.key);
    let decided: Vec<&Setting> = settings.filter(decided).collect();
    let file = decided.first()?.node.as_ref().map(Node::location)?.file;
    let keys: Vec<String> = decided.iter().map(|setting| format!("`{}`", setting.key)).collect();
    let warning = Diagnostic::warning(Location::file(file), format!("the app itself sets {}", keys.join(", ")));
    Some(warning.with_help("if the app is yours, name this file with `--config`; otherwise name a file of your own"))
}
