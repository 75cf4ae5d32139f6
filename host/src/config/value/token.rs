//! Tokens of the HTTP service. No message here repeats the input, because it may be a token that was given in place of
//! its digest.

use saggar::api::{Role, Token};
use saggar_definition::{nearest, truncated};
use saggar_job::{TaskKey, Timestamp};
use saggar_queue::rfc3339;
use serde_json::{Value, json};

use super::super::input::{Entry, Node, RawValue};
use super::{Field, Reader, ValueType};

/// The keys of a token as a table.
const KEYS: [&str; 5] = ["name", "role", "sha256", "tenant", "expires"];

/// The names of the roles.
const ROLES: [&str; 4] = ["admin", "write", "read", "operator"];

/// Maximum number of tokens in a list. Each request is compared with all tokens of the host.
const MAX_TOKENS: usize = 1000;

/// Maximum length of a name in characters. Names appear in log lines.
const MAX_NAME_CHARS: usize = 64;

/// How many digits of a digest are shown. They are also the name of a token without a name.
const SHOWN_DIGITS: usize = 8;

/// Advice for an invalid digest.
const DIGEST_HELP: &str = "give the 64 hexadecimal digits that `printf %s \"$TOKEN\" | sha256sum` prints; `saggar token` \
                             makes a token and its digest";

/// Advice for a token with the wrong form.
const TOKEN_HELP: &str = "in the file, write `[[token]]` and below it `role = …` and `sha256 = …`; in a flag or the \
                          environment, ROLE:SHA256 or ROLE:SHA256:NAME";

/// A list of tokens, each a table or `ROLE:SHA256`, with an optional `:NAME`.
pub(crate) struct TokenList;

/// A token and its digest, which does not reveal the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedToken {
    pub(crate) token: Token,
    sha256: String,
}

impl ListedToken {
    /// Returns the SHA-256 of the token, in lower case.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// The unparsed parts of a token.
#[derive(Default)]
struct TokenParts<'n> {
    name: Option<&'n Node>,
    role: Option<&'n Node>,
    sha256: Option<&'n Node>,
    tenant: Option<&'n Node>,
    expires: Option<&'n Node>,
}

/// Where a list of tokens is.
#[derive(Clone, Copy)]
enum Owner<'a> {
    /// At the top: its tokens may name a tenant.
    Host,
    /// Below a tenant: its tokens are of that tenant, and none is the operator's.
    Tenant(&'a str),
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
        read_list(field, Owner::Host, reader)
    }

    fn to_json(&self, value: &Vec<ListedToken>) -> Value {
        let shown = |listed: &ListedToken| {
            let ListedToken { token, sha256 } = listed;
            let sha256 = format!("{}…", short(sha256));
            let mut shown =
                json!({ "role": token.role.name(), "name": &*token.name, "tenant": &*token.tenant, "sha256": sha256 });
            if let (Some(expires), Value::Object(fields)) = (token.expires, &mut shown) {
                fields.insert("expires".to_owned(), json!(rfc3339::write(expires)));
            }
            shown
        };
        value.iter().map(shown).collect()
    }
}

/// Reads the tokens of a tenant; `None` if some are invalid.
pub(super) fn read_tenant_tokens(field: &Field<'_>, tenant: &str, reader: &mut Reader) -> Option<Vec<ListedToken>> {
    read_list(field, Owner::Tenant(tenant), reader)
}

fn read_list(field: &Field<'_>, owner: Owner<'_>, reader: &mut Reader) -> Option<Vec<ListedToken>> {
    let RawValue::List(items) = &field.node.value else {
        reader.error(field.node, "`token` must be a list of tables", TOKEN_HELP);
        return None;
    };
    if items.len() > MAX_TOKENS {
        reader.error(field.node, format!("there are more than {MAX_TOKENS} tokens"), "remove unused ones");
        return None;
    }
    let mut tokens: Vec<ListedToken> = Vec::new();
    let mut is_valid = true;
    for item in items {
        match read_token(item, owner, reader).filter(|token| is_new(token, &tokens, item, reader)) {
            Some(token) => tokens.push(token),
            None => is_valid = false,
        }
    }
    is_valid.then_some(tokens)
}

/// Returns whether digest and name of a token are new; reports it otherwise. Of two tokens with one digest, only one
/// role would apply. Two tokens with one name could not be distinguished in the log.
fn is_new(token: &ListedToken, others: &[ListedToken], node: &Node, reader: &mut Reader) -> bool {
    let (what, help) = if others.iter().any(|other| other.sha256 == token.sha256) {
        ("digest", "keep one of the two; a token has one role")
    } else if others.iter().any(|other| is_named_alike(&other.token, &token.token)) {
        ("name", "give each token a name of its own; the log identifies tokens by name")
    } else {
        return true;
    };
    reader.error(node, format!("another token has the same {what}"), help);
    false
}

fn is_named_alike(one: &Token, other: &Token) -> bool {
    (&one.tenant, &one.name) == (&other.tenant, &other.name)
}

fn read_token(node: &Node, owner: Owner<'_>, reader: &mut Reader) -> Option<ListedToken> {
    match &node.value {
        RawValue::Text(_) => {
            let pieces = node.pieces(':', 3);
            let mut pieces = pieces.iter();
            let (role, sha256, name) = (pieces.next(), pieces.next(), pieces.next());
            TokenParts { role, sha256, name, ..TokenParts::default() }.token(node, owner, reader)
        }
        RawValue::Table(entries) => table(entries, reader)?.token(node, owner, reader),
        _ => {
            reader.error(node, "a token must be a table", TOKEN_HELP);
            None
        }
    }
}

/// Returns the parts of a table in the file; `None` if it has unknown keys.
fn table<'n>(entries: &'n [Entry], reader: &mut Reader) -> Option<TokenParts<'n>> {
    let mut parts = TokenParts::default();
    let mut is_valid = true;
    for entry in entries {
        let part = match entry.name.as_str() {
            "name" => &mut parts.name,
            "role" => &mut parts.role,
            "sha256" => &mut parts.sha256,
            "tenant" => &mut parts.tenant,
            "expires" => &mut parts.expires,
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
            format!("write `sha256`: only the client knows the token itself; {DIGEST_HELP}")
        }
        None => format!("valid keys are {}", KEYS.map(|key| format!("`{key}`")).join(", ")),
    }
}

impl TokenParts<'_> {
    fn token(&self, whole: &Node, owner: Owner<'_>, reader: &mut Reader) -> Option<ListedToken> {
        let parts = [("role", self.role), ("sha256", self.sha256)];
        let missing: Vec<String> =
            parts.iter().filter(|(_, node)| node.is_none()).map(|(key, _)| format!("`{key}`")).collect();
        if !missing.is_empty() {
            reader.error(whole, format!("a token needs {}", missing.join(" and ")), TOKEN_HELP);
        }
        let role = self.role.and_then(|node| role(node, owner, reader));
        let sha256 = self.sha256.and_then(|node| digest(node, reader));
        let name = self.name(reader);
        let tenant = self.tenant(owner, reader);
        let expires = self.expires(reader);
        let (role, sha256, name, tenant, expires) = (role?, sha256?, name?, tenant?, expires?);
        let name = name.unwrap_or_else(|| short(&sha256));
        let token = Token::new(name, tenant, role, &sha256).ok()?.with_expiry(expires);
        Some(ListedToken { token, sha256 })
    }

    /// Returns the name if one is given; `None` if it is invalid.
    fn name(&self, reader: &mut Reader) -> Option<Option<String>> {
        let Some(node) = self.name else { return Some(None) };
        let is_valid = |name: &&str| {
            let length = name.chars().count();
            (1..=MAX_NAME_CHARS).contains(&length) && !name.contains(char::is_control)
        };
        let name = text(node).map(str::trim).filter(is_valid);
        if name.is_none() {
            let message = format!("a token's name must be one line of at most {MAX_NAME_CHARS} characters");
            reader.error(node, message, "remove it to use the first digits of the digest");
        }
        name.map(|name| Some(name.to_owned()))
    }

    fn tenant(&self, owner: Owner<'_>, reader: &mut Reader) -> Option<String> {
        let own = match owner {
            Owner::Host => TaskKey::DEFAULT_TENANT,
            Owner::Tenant(tenant) => tenant,
        };
        let Some(node) = self.tenant.filter(|node| text(node) != Some(own)) else { return Some(own.to_owned()) };
        let (message, help) = match (owner, text(node)) {
            // Whether it is configured is known once all tenants are read.
            (Owner::Host, Some(name)) if reader.has_tenants => return Some(name.to_owned()),
            (Owner::Host, _) if reader.has_tenants => {
                ("the tenant of a token must be a text".to_owned(), "write the `name` of a `[[tenant]]`")
            }
            (Owner::Host, _) => (format!("unknown tenant; a host has only the tenant `{own}`"), "remove `tenant`"),
            (Owner::Tenant(_), _) => {
                (format!("the token is of the tenant `{own}`, because it is below it"), "remove `tenant`")
            }
        };
        reader.error(node, message, help);
        None
    }

    /// Returns when the token expires, if it does; `None` if the time is invalid.
    fn expires(&self, reader: &mut Reader) -> Option<Option<Timestamp>> {
        let Some(node) = self.expires else { return Some(None) };
        let time = match &node.value {
            RawValue::Text(text) | RawValue::DateTime(text) => rfc3339::read(text),
            _ => Err("expected a time".to_owned()),
        };
        let refused = |why: String| {
            let message = format!("`expires` must be a time with an offset: {why}");
            reader.error(node, message, "write for example `expires = 2027-01-31T00:00:00Z`");
        };
        time.map_err(refused).ok().map(Some)
    }
}

fn role(node: &Node, owner: Owner<'_>, reader: &mut Reader) -> Option<Role> {
    let role = text(node).and_then(|text| text.parse().ok());
    if role.is_none() {
        let help = match text(node).and_then(|text| nearest(text, ROLES)) {
            Some(role) => format!("did you mean `{role}`?"),
            None => "`read` can look, `write` can also change jobs, `admin` can also pause tasks".to_owned(),
        };
        reader.error(node, "the role of a token must be `admin`, `write` or `read`", help);
    }
    if role == Some(Role::Operator) && (matches!(owner, Owner::Tenant(_)) || !reader.has_tenants) {
        let help = match owner {
            Owner::Tenant(_) => "use `admin`; a token of the operator is in a `[[token]]` above the tenants",
            Owner::Host => "use `admin`; only a host with tenants has an operator",
        };
        reader.error(node, "the role `operator` is for the operator of a host with tenants", help);
        return None;
    }
    role
}

fn digest(node: &Node, reader: &mut Reader) -> Option<String> {
    let is_digest = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha256 = text(node).filter(is_digest).map(str::to_ascii_lowercase);
    if sha256.is_none() {
        reader.error(node, "invalid SHA-256 of a token", DIGEST_HELP);
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
