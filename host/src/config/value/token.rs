//! Tokens: who may use the HTTP service. None of the messages here repeats what was written, since it may be the token that
//! should have been a digest.

use saggar::api::{Role, Token};
use saggar_definition::{nearest, truncated};
use saggar_job::TaskKey;
use serde_json::{Value, json};

use super::super::input::{Entry, Node, RawValue};
use super::{Field, Reader, ValueType};

/// The keys of a token as a table.
const KEYS: [&str; 4] = ["name", "role", "sha256", "tenant"];

/// The names of the roles.
const ROLES: [&str; 3] = ["admin", "write", "read"];

/// Tokens of a host; each request is compared with all of them.
const MAX_TOKENS: usize = 1000;

/// Characters of a name, which stands in lines of the log.
const MAX_NAME_CHARS: usize = 64;

/// Digits of a digest that are shown, and name a token without a name.
const SHOWN_DIGITS: usize = 8;

const DIGEST_HELP: &str = "give the 64 hexadecimal digits that `printf %s \"$TOKEN\" | sha256sum` prints; `saggar token` \
                             makes a token and its digest";

const TOKEN_HELP: &str = "in the file, write `[[token]]` and below it `role = …` and `sha256 = …`; by flag or in the environment, \
                           ROLE:SHA256 or ROLE:SHA256:NAME";

/// A list of tokens, each a table or `ROLE:SHA256` with perhaps `:NAME` behind.
pub(crate) struct TokenList;

/// A token and its digest, which the token does not give away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedToken {
    pub(crate) token: Token,
    sha256: String,
}

/// The parts of a token as they were written.
#[derive(Default)]
struct TokenParts<'n> {
    name: Option<&'n Node>,
    role: Option<&'n Node>,
    sha256: Option<&'n Node>,
    tenant: Option<&'n Node>,
}

impl ValueType for TokenList {
    type Value = Vec<ListedToken>;

    fn expected(&self) -> String {
        "a list of tokens".to_owned()
    }

    fn example(&self) -> &'static str {
        "[[token]]"
    }

    fn default(&self) -> Vec<ListedToken> {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Vec<ListedToken>> {
        let RawValue::List(items) = &field.node.value else {
            reader.error(field.node, "`token` must be a list of tables", TOKEN_HELP);
            return None;
        };
        if items.len() > MAX_TOKENS {
            reader.error(
                field.node,
                format!("there are more than {MAX_TOKENS} tokens"),
                "remove those that nobody uses",
            );
            return None;
        }
        let mut tokens: Vec<ListedToken> = Vec::new();
        let mut is_valid = true;
        for item in items {
            match read_token(item, reader).filter(|token| is_new(token, &tokens, item, reader)) {
                Some(token) => tokens.push(token),
                None => is_valid = false,
            }
        }
        is_valid.then_some(tokens)
    }

    fn to_json(&self, value: &Vec<ListedToken>) -> Value {
        let shown = |listed: &ListedToken| {
            let ListedToken { token, sha256 } = listed;
            let sha256 = format!("{}…", short(sha256));
            json!({ "role": token.role.name(), "name": &*token.name, "tenant": &*token.tenant, "sha256": sha256 })
        };
        value.iter().map(shown).collect()
    }
}

/// One digest with two roles would have the one that is found last; one name for two would tell nobody who it was.
fn is_new(token: &ListedToken, others: &[ListedToken], node: &Node, reader: &mut Reader) -> bool {
    let (what, help) = if others.iter().any(|other| other.sha256 == token.sha256) {
        ("digest", "keep one of the two; a token has one role")
    } else if others.iter().any(|other| other.token.name == token.token.name) {
        ("name", "give each token a name of its own; the log tells them apart by it")
    } else {
        return true;
    };
    reader.error(node, format!("another token has the same {what}"), help);
    false
}

fn read_token(node: &Node, reader: &mut Reader) -> Option<ListedToken> {
    match &node.value {
        RawValue::Text(_) => {
            let pieces = node.pieces(':', 3);
            let mut pieces = pieces.iter();
            let parts = TokenParts { role: pieces.next(), sha256: pieces.next(), name: pieces.next(), tenant: None };
            parts.token(node, reader)
        }
        RawValue::Table(entries) => table(entries, reader)?.token(node, reader),
        _ => {
            reader.error(node, "a token must be a table", TOKEN_HELP);
            None
        }
    }
}

/// The parts in a table, which stands in the file. `None` if there are others.
fn table<'n>(entries: &'n [Entry], reader: &mut Reader) -> Option<TokenParts<'n>> {
    let mut parts = TokenParts::default();
    let mut is_valid = true;
    for entry in entries {
        let part = match entry.name.as_str() {
            "name" => &mut parts.name,
            "role" => &mut parts.role,
            "sha256" => &mut parts.sha256,
            "tenant" => &mut parts.tenant,
            unknown => {
                let message = format!("unknown key `{}` in `token`", truncated(unknown));
                reader.in_file().error(entry.name_span, message, advice(unknown));
                is_valid = false;
                continue;
            }
        };
        *part = Some(&entry.node);
    }
    is_valid.then_some(parts)
}

fn advice(unknown: &str) -> String {
    match nearest(unknown, KEYS) {
        Some(known) => format!("did you mean `{known}`?"),
        None if ["token", "secret", "digest"].contains(&unknown) => {
            format!("write `sha256`: the token itself stays with who uses it; {DIGEST_HELP}")
        }
        None => format!("the keys here are {}", KEYS.map(|key| format!("`{key}`")).join(", ")),
    }
}

impl TokenParts<'_> {
    fn token(&self, whole: &Node, reader: &mut Reader) -> Option<ListedToken> {
        let parts = [("role", self.role), ("sha256", self.sha256)];
        let missing: Vec<String> =
            parts.iter().filter(|(_, node)| node.is_none()).map(|(key, _)| format!("`{key}`")).collect();
        if !missing.is_empty() {
            reader.error(whole, format!("a token needs {}", missing.join(" and ")), TOKEN_HELP);
        }
        let role = self.role.and_then(|node| role(node, reader));
        let sha256 = self.sha256.and_then(|node| digest(node, reader));
        let name = self.name(reader);
        let tenant = self.tenant(reader);
        let (role, sha256, name, tenant) = (role?, sha256?, name?, tenant?);
        let name = name.unwrap_or_else(|| short(&sha256));
        let token = Token::new(name, tenant, role, &sha256).ok()?;
        Some(ListedToken { token, sha256 })
    }

    /// The name, if there is one and it is one.
    fn name(&self, reader: &mut Reader) -> Option<Option<String>> {
        let Some(node) = self.name else { return Some(None) };
        let is_valid = |name: &&str| {
            let length = name.chars().count();
            (1..=MAX_NAME_CHARS).contains(&length) && !name.contains(char::is_control)
        };
        let name = text(node).map(str::trim).filter(is_valid);
        if name.is_none() {
            let message = format!("a token's name must be one line of at most {MAX_NAME_CHARS} characters");
            reader.error(node, message, "leave it out to have the first digits of the digest");
        }
        name.map(|name| Some(name.to_owned()))
    }

    fn tenant(&self, reader: &mut Reader) -> Option<&'static str> {
        let only = TaskKey::DEFAULT_TENANT;
        let Some(node) = self.tenant.filter(|node| text(node) != Some(only)) else { return Some(only) };
        let message = format!("this host has the one tenant `{only}`; several tenants on one host are not there yet");
        reader.error(node, message, "leave `tenant` out");
        None
    }
}

fn role(node: &Node, reader: &mut Reader) -> Option<Role> {
    let role = text(node).and_then(|text| text.parse().ok());
    if role.is_none() {
        let help = match text(node).and_then(|text| nearest(text, ROLES)) {
            Some(role) => format!("did you mean `{role}`?"),
            None => "`read` looks, `write` also changes jobs, `admin` also pauses tasks".to_owned(),
        };
        reader.error(node, "the role of a token must be `admin`, `write` or `read`", help);
    }
    role
}

fn digest(node: &Node, reader: &mut Reader) -> Option<String> {
    let is_digest = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha256 = text(node).filter(is_digest).map(str::to_ascii_lowercase);
    if sha256.is_none() {
        reader.error(node, "this is no SHA-256 of a token", DIGEST_HELP);
    }
    sha256
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        RawValue::Text(text) => Some(text),
        _ => None,
    }
}

fn short(sha256: &str) -> String {
    sha256.chars().take(SHOWN_DIGITS).collect()
}
