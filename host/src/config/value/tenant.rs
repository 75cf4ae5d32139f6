//! The tenants of a host: `[[tenant]]` tables of a file that the operator has named.

use std::path::PathBuf;
use std::sync::Arc;

use saggar::grant::Grants;
use saggar::{EnvAllow, TenantSettings, grants_document};
use saggar_tenant::{Quotas, Tenant};
use serde_json::{Value, json};

use super::super::input::{Node, RawValue};
use super::grants::GrantsTable;
use super::table::{known_keys, optional};
use super::token::{ListedToken, read_tenant_tokens};
use super::{Bytes, Count, EnvNames, Field, Reader, TokenList, ValueType};

/// The key of the list of tenants.
pub(crate) const TENANT: &str = "tenant";

/// The keys of a tenant.
const KEYS: [&str; 7] = ["name", "dir", "weight", "env_allow", "token", "quotas", "grants"];

/// Maximum number of tenants of a host.
const MAX_TENANTS: usize = 10_000;

/// Maximum length of a name. Names are parts of paths, labels and log lines.
const MAX_NAME: usize = 64;

/// Advice for a table with the wrong form.
const TENANT_HELP: &str = "write `[[tenant]]` and below it `name = \"acme\"` and `dir = \"tenants/acme\"`";

/// A higher weight would leave nothing to a tenant with the lowest one.
const WEIGHT: Count = Count { min: 1, max: 10_000, default: Tenant::DEFAULT_WEIGHT as usize };

/// The limits of what is counted. 0 is valid: it suspends the tenant.
const COUNT: Count = Count { min: 0, max: 1_000_000_000, default: 0 };

/// The limits of bytes, up to what no machine has.
const BYTES: Bytes = Bytes { min: 0, max: 1 << 50, default: 0 };

/// The list of tenants.
pub(crate) struct TenantList;

/// A tenant of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredTenant {
    pub(crate) settings: TenantSettings,
    pub(crate) tokens: Vec<ListedToken>,
}

/// A quota's name, its unit, and where its value is.
struct QuotaKey {
    name: &'static str,
    is_bytes: bool,
    value: fn(&mut Quotas) -> &mut Option<u64>,
}

/// The keys of the table `quotas`.
const QUOTAS: [QuotaKey; 12] = [
    QuotaKey { name: "running", is_bytes: false, value: |quotas| &mut quotas.running },
    QuotaKey { name: "waiting", is_bytes: false, value: |quotas| &mut quotas.waiting },
    QuotaKey { name: "memory", is_bytes: true, value: |quotas| &mut quotas.memory },
    QuotaKey { name: "keep_bytes", is_bytes: true, value: |quotas| &mut quotas.keep_bytes },
    QuotaKey { name: "adds_per_second", is_bytes: false, value: |quotas| &mut quotas.adds_per_second },
    QuotaKey { name: "log_bytes_per_second", is_bytes: true, value: |quotas| &mut quotas.log_bytes_per_second },
    QuotaKey { name: "connections", is_bytes: false, value: |quotas| &mut quotas.connections },
    QuotaKey { name: "streams", is_bytes: false, value: |quotas| &mut quotas.streams },
    QuotaKey { name: "request_bytes", is_bytes: true, value: |quotas| &mut quotas.request_bytes },
    QuotaKey { name: "response_bytes", is_bytes: true, value: |quotas| &mut quotas.response_bytes },
    QuotaKey { name: "compilations", is_bytes: false, value: |quotas| &mut quotas.compilations },
    QuotaKey { name: "cpu_seconds_per_hour", is_bytes: false, value: |quotas| &mut quotas.cpu_seconds_per_hour },
];

impl ValueType for TenantList {
    type Value = Vec<ConfiguredTenant>;

    fn expected(&self) -> String {
        "a list of tenants".to_owned()
    }

    fn example(&self) -> &'static str {
        "[[tenant]]"
    }

    fn default(&self) -> Vec<ConfiguredTenant> {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader) -> Option<Vec<ConfiguredTenant>> {
        let RawValue::List(items) = &field.node.value else {
            reader.error(field.node, "`tenant` must be a list of tables", TENANT_HELP);
            return None;
        };
        if items.len() > MAX_TENANTS {
            reader.error(field.node, format!("there are more than {MAX_TENANTS} tenants"), "run several hosts");
            return None;
        }
        let mut tenants = Vec::new();
        let mut names = std::collections::HashSet::new();
        let mut is_valid = true;
        for item in items {
            match read_tenant(item, reader) {
                Some(tenant) if names.insert(tenant.settings.name.clone()) => tenants.push(tenant),
                Some(tenant) => {
                    let message = format!("another tenant has the name `{}`", tenant.settings.name);
                    reader.error(item, message, "give each tenant a name of its own");
                    is_valid = false;
                }
                None => is_valid = false,
            }
        }
        is_valid.then_some(tenants)
    }

    fn to_json(&self, value: &Vec<ConfiguredTenant>) -> Value {
        value.iter().map(shown).collect()
    }
}

fn shown(tenant: &ConfiguredTenant) -> Value {
    let TenantSettings { name, dir, weight, env_allow, quotas, grants } = &tenant.settings;
    let mut given = *quotas;
    let quotas = QUOTAS.iter().filter_map(|key| Some((key.name.to_owned(), json!((*(key.value)(&mut given))?))));
    json!({
        "name": &**name,
        "dir": dir.display().to_string(),
        "weight": weight,
        "env_allow": EnvNames.to_json(env_allow),
        "token": TokenList.to_json(&tenant.tokens),
        "quotas": quotas.collect::<serde_json::Map<_, _>>(),
        "grants": grants_document(grants),
    })
}

/// Reads a tenant; `None` if something of it is invalid.
fn read_tenant(node: &Node, reader: &mut Reader) -> Option<ConfiguredTenant> {
    let RawValue::Table(entries) = &node.value else {
        reader.error(node, "a tenant must be a table", TENANT_HELP);
        return None;
    };
    let entry = |key: &str| entries.iter().find(|entry| entry.name == key).map(|entry| &entry.node);
    let known = known_keys(entries, &KEYS, TENANT, reader);
    let missing: Vec<&str> = ["name", "dir"].into_iter().filter(|key| entry(key).is_none()).collect();
    if !missing.is_empty() {
        let missing = missing.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ");
        reader.error(node, format!("a tenant needs {missing}"), TENANT_HELP);
    }
    let name = entry("name").and_then(|node| name(node, reader));
    let dir = entry("dir").and_then(|node| dir(node, reader));
    let weight = optional(entry("weight"), "weight", &WEIGHT, WEIGHT.default, reader);
    reader.scope_default = Some("no variable".to_owned());
    let env_allow = optional(entry("env_allow"), "env_allow", &EnvNames, EnvAllow::none(), reader);
    reader.scope_default = None;
    let quotas = match entry("quotas") {
        Some(node) => quotas(node, reader),
        None => Some(Quotas::default()),
    };
    let grants = match entry("grants") {
        Some(node) => GrantsTable::OF_TENANT.parse(&Field { name: "tenant.grants", node }, reader),
        None => Some(Grants::of_tenant()),
    };
    let tokens = match entry("token") {
        Some(node) => {
            let tenant = name.as_deref().unwrap_or_default();
            read_tenant_tokens(&Field { name: "token", node }, tenant, reader)
        }
        None => Some(Vec::new()),
    };
    let weight = weight.and_then(|weight| u32::try_from(weight).ok());
    let ((), name, dir, weight) = (known?, name?, dir?, weight?);
    let settings = TenantSettings { name, dir, weight, env_allow: env_allow?, quotas: quotas?, grants: grants? };
    Some(ConfiguredTenant { settings, tokens: tokens? })
}

fn name(node: &Node, reader: &mut Reader) -> Option<Arc<str>> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = |name: &&str| {
        name.len() <= MAX_NAME
            && name.starts_with(is_plain)
            && name.chars().all(|c| is_plain(c) || c == '-' || c == '_')
    };
    match &node.value {
        RawValue::Text(text) if is_name(&text.as_str()) => Some(text.as_str().into()),
        other => {
            let found = other.found();
            let message = format!(
                "a tenant's name must be at most {MAX_NAME} lower-case letters, digits, `-` and `_`, and begin with a \
                 letter or digit, not {found}"
            );
            reader.error(node, message, "write for example `name = \"acme\"`");
            None
        }
    }
}

fn dir(node: &Node, reader: &mut Reader) -> Option<PathBuf> {
    match &node.value {
        RawValue::Text(path) if !path.trim().is_empty() && !path.contains('\0') => Some(reader.base.join(path)),
        other => {
            let message = format!("a tenant's `dir` must be the path of its app, not {}", other.found());
            reader.error(node, message, "write for example `dir = \"tenants/acme\"`; it is relative to this file");
            None
        }
    }
}

fn quotas(node: &Node, reader: &mut Reader) -> Option<Quotas> {
    let RawValue::Table(entries) = &node.value else {
        let help = "write `[tenant.quotas]` below the `[[tenant]]`, and below it for example `running = 4`";
        reader.error(node, "`quotas` must be a table", help);
        return None;
    };
    let names = QUOTAS.each_ref().map(|key| key.name);
    let mut known = known_keys(entries, &names, "quotas", reader);
    let mut quotas = Quotas::default();
    reader.scope_default = Some("no quota".to_owned());
    for entry in entries {
        let Some(key) = QUOTAS.iter().find(|key| key.name == entry.name) else { continue };
        let field = Field { name: key.name, node: &entry.node };
        let value = if key.is_bytes { BYTES.parse(&field, reader) } else { COUNT.parse(&field, reader) };
        match value {
            Some(value) => *(key.value)(&mut quotas) = Some(value as u64),
            None => known = None,
        }
    }
    reader.scope_default = None;
    known.map(|()| quotas)
}
