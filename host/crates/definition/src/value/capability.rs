//! Lists of origins and environment variables that a task requests. The operator decides what is granted.

use schemars::{Schema, json_schema};

use super::{Field, Reader, ValueType, is_variable_name};
use crate::source::Located;

/// Maximum number of entries of a list. An operator has to read and grant each of them.
pub(crate) const MAX_LIST_LEN: usize = 64;

/// Origins, such as `https://api.example.com`.
#[derive(Clone, Copy)]
pub(crate) struct Origins;

/// Names of environment variables.
#[derive(Clone, Copy)]
pub(crate) struct EnvNames;

/// One entry of a list.
struct Origin;
struct EnvName;

impl ValueType for Origins {
    type Value = Vec<Located<String>>;

    fn expected(&self) -> String {
        format!("a list of at most {MAX_LIST_LEN} origins")
    }

    fn example(&self) -> String {
        r#"["https://api.example.com"]"#.to_owned()
    }

    fn default(&self) -> Self::Value {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        read_list(self, &Origin, field, reader)
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        written_list(&Origin, value)
    }

    fn schema(&self) -> Schema {
        list_schema(&Origin)
    }
}

impl ValueType for EnvNames {
    type Value = Vec<Located<String>>;

    fn expected(&self) -> String {
        format!("a list of at most {MAX_LIST_LEN} names of environment variables")
    }

    fn example(&self) -> String {
        r#"["LANG"]"#.to_owned()
    }

    fn default(&self) -> Self::Value {
        Vec::new()
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        read_list(self, &EnvName, field, reader)
    }

    fn written(&self, value: &Self::Value) -> Option<serde_json::Value> {
        written_list(&EnvName, value)
    }

    fn schema(&self) -> Schema {
        list_schema(&EnvName)
    }
}

impl ValueType for Origin {
    type Value = Option<String>;

    fn expected(&self) -> String {
        "an origin".to_owned()
    }

    fn example(&self) -> String {
        r#""https://api.example.com""#.to_owned()
    }

    fn default(&self) -> Option<String> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Option<String>> {
        let text = reader.text(self, field)?;
        if is_origin(&text) {
            return Some(Some(text));
        }
        let corrected = origin_of(&text).filter(|_| !field.is_secret());
        match corrected {
            Some(origin) => reader.reject_with(self, field, format!("write {origin:?}, without a path")),
            None => reader.reject(self, field),
        }
    }

    fn written(&self, value: &Option<String>) -> Option<serde_json::Value> {
        value.clone().map(Into::into)
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl ValueType for EnvName {
    type Value = Option<String>;

    fn expected(&self) -> String {
        "the name of an environment variable".to_owned()
    }

    fn example(&self) -> String {
        r#""LANG""#.to_owned()
    }

    fn default(&self) -> Option<String> {
        None
    }

    fn parse(&self, field: &Field<'_>, reader: &mut Reader<'_>) -> Option<Option<String>> {
        let name = reader.text(self, field)?;
        if is_variable_name(&name) {
            return Some(Some(name));
        }
        reader.reject_with(self, field, "write a name of letters, digits and `_`, for example `\"LANG\"`")
    }

    fn written(&self, value: &Option<String>) -> Option<serde_json::Value> {
        value.clone().map(Into::into)
    }

    fn schema(&self) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Parses the items of a list. Reports and drops invalid items.
pub(crate) fn read_list<T, I>(
    ty: &impl ValueType,
    item: &I,
    field: &Field<'_>,
    reader: &mut Reader<'_>,
) -> Option<Vec<Located<T>>>
where
    I: ValueType<Value = Option<T>>,
{
    let Some(fields) = field.items().filter(|fields| fields.len() <= MAX_LIST_LEN) else {
        return reader.reject(ty, field);
    };
    let read = |field: &Field<'_>| Some(Located { value: item.parse(field, reader)??, span: field.span() });
    Some(fields.iter().filter_map(read).collect())
}

/// Returns a list of such items as an author would write it; `None` if it is empty.
pub(crate) fn written_list<T: Clone, I>(item: &I, list: &[Located<T>]) -> Option<serde_json::Value>
where
    I: ValueType<Value = Option<T>>,
{
    let items = list.iter().filter_map(|entry| item.written(&Some(entry.value.clone())));
    (!list.is_empty()).then(|| items.collect())
}

/// Returns the JSON Schema of a list of such items.
pub(crate) fn list_schema(item: &impl ValueType) -> Schema {
    json_schema!({ "type": "array", "items": item.schema(), "maxItems": MAX_LIST_LEN })
}

fn is_origin(text: &str) -> bool {
    origin_of(text).as_deref() == Some(text)
}

/// Returns the origin of an HTTP URL; `None` if the URL is invalid or has a user or password.
fn origin_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    (["http", "https"].contains(&scheme) && is_host).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_an_optional_port() {
        for text in ["https://api.example.com", "http://localhost:8080", "http://[::1]:80"] {
            assert!(is_origin(text), "{text}");
        }
        for text in
            ["", "api.example.com", "ftp://x", "https://", "https://a/", "https://u:p@a", "https://*.a", "https://a b"]
        {
            assert!(!is_origin(text), "{text}");
        }
    }
}
