//! Capabilities as JSON: what is granted, and what a task has in force. No value of a variable or a secret is in it.

use saggar_definition::bytes_text;
use saggar_grant::{Granted, Grants, HttpGranted, KvGranted, SecretGrant};
use serde_json::{Map, Value, json};

/// The names of capabilities: keys of `sandbox` in a task file, and of the grants.
pub const CAPABILITIES: [&str; 7] = ["tasks", "http", "secrets", "kv", "env", "dirs", "scratch"];

/// Returns what an operator grants, by the names of capabilities. A capability that is not granted is left out.
pub fn grants_document(grants: &Grants) -> Value {
    let mut document = Map::from_iter([("tasks".to_owned(), json!(grants.tasks.name()))]);
    let http = grants.http.as_ref().map(|http| {
        let methods: Vec<_> = http.methods.iter().map(|method| method.name()).collect();
        json!({ "origins": texts(&http.origins), "methods": methods, "networks": texts(&http.networks) })
    });
    let kv = grants
        .kv
        .as_ref()
        .map(|kv| json!({ "access": kv.access.name(), "bytes": bytes_text(kv.max_bytes), "keys": kv.max_keys }));
    let dirs = grants.dirs.iter().map(|dir| {
        let path = dir.path.display().to_string();
        json!({
            "name": dir.name,
            "path": path,
            "access": dir.access.name(),
            "bytes": bytes_text(dir.max_bytes),
            "files": dir.max_files,
        })
    });
    put(&mut document, "http", http);
    put(&mut document, "secrets", list(grants.secrets.iter().map(secret)));
    put(&mut document, "kv", kv);
    put(&mut document, "env", list(grants.env.iter().map(|name| json!(name))));
    put(&mut document, "dirs", list(dirs));
    put(&mut document, "scratch", grants.scratch.map(|bytes| json!(bytes_text(bytes))));
    Value::Object(document)
}

/// Returns what a task has in force, by the names of capabilities. A capability that it does not have is left out.
pub fn granted_document(granted: &Granted) -> Value {
    let Granted { http, kv, tasks, env, dirs, scratch, record: _, mask: _ } = granted;
    let tasks = json!({ "add": texts(&tasks.add), "jobs": tasks.jobs.name() });
    let mut document = Map::from_iter([("tasks".to_owned(), tasks)]);
    let secrets = http.iter().flat_map(|http| &http.secrets).map(secret);
    let dirs = dirs.iter().map(|dir| {
        let (bytes, files) = (bytes_text(dir.max_bytes), dir.max_files);
        match dir.write {
            true => json!({ "name": dir.name, "access": "write", "bytes": bytes, "files": files }),
            false => json!({ "name": dir.name, "access": "read" }),
        }
    });
    put(&mut document, "http", http.as_ref().map(http_in_force));
    put(&mut document, "secrets", list(secrets));
    put(&mut document, "kv", kv.as_ref().map(kv_in_force));
    put(&mut document, "env", list(env.iter().map(|(name, _)| json!(name))));
    put(&mut document, "dirs", list(dirs));
    put(&mut document, "scratch", scratch.map(|bytes| json!(bytes_text(bytes))));
    Value::Object(document)
}

fn http_in_force(http: &HttpGranted) -> Value {
    let methods: Vec<_> = http.methods.iter().map(|method| method.name()).collect();
    json!({ "origins": texts(&http.origins), "methods": methods, "networks": texts(&http.networks) })
}

fn kv_in_force(kv: &KvGranted) -> Value {
    let mut document = json!({ "access": kv.access.name(), "bytes": bytes_text(kv.max_bytes), "keys": kv.max_keys });
    if let (false, Value::Object(document)) = (kv.prefix.is_empty(), &mut document) {
        document.insert("prefix".to_owned(), json!(kv.prefix));
    }
    document
}

fn secret(secret: &SecretGrant) -> Value {
    let mut document = json!({ "name": secret.name, "origins": texts(&secret.origins), "header": secret.header });
    if let (Some(signing), Value::Object(document)) = (&secret.signing, &mut document) {
        document.insert("sign".to_owned(), json!(signing.algorithm.name()));
        document.insert("message".to_owned(), json!(signing.message.to_string()));
        document.insert("encoding".to_owned(), json!(signing.encoding.name()));
    }
    document
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// Returns a list of items; `None` without any.
fn list(items: impl Iterator<Item = Value>) -> Option<Value> {
    let items: Vec<Value> = items.collect();
    (!items.is_empty()).then_some(Value::Array(items))
}

fn put(document: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        document.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use saggar_grant::{
        Access, HttpGrant, KvGrant, Methods, OriginPattern, SecretSource, SignatureAlgorithm, SignatureEncoding,
        SignedMessage, Signing,
    };

    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let origin = OriginPattern::parse("https://api.example.com").unwrap();
        let secret = SecretGrant {
            name: "stripe".to_owned(),
            source: SecretSource::Command(vec!["hidden".to_owned()]),
            origins: vec![origin.clone()],
            header: "authorization".to_owned(),
            signing: Some(Signing {
                algorithm: SignatureAlgorithm::HmacSha256,
                encoding: SignatureEncoding::Hex,
                message: SignedMessage::default(),
            }),
        };
        let grants = Grants {
            http: Some(HttpGrant { origins: vec![origin.clone()], methods: Methods::ALL, networks: Vec::new() }),
            secrets: vec![secret.clone()],
            kv: Some(KvGrant { access: Access::Read, max_bytes: 1 << 20, max_keys: 7 }),
            ..Grants::of_tenant()
        };
        let http =
            HttpGranted { origins: vec![origin], methods: Methods::ALL, networks: Vec::new(), secrets: vec![secret] };
        let env = vec![("REGION".to_owned(), "hidden".to_owned())];
        let granted = Granted { http: Some(http), env, ..Granted::default() };
        let (grants, granted) = (grants_document(&grants), granted_document(&granted));
        assert!(!format!("{grants}{granted}").contains("hidden"), "{grants} {granted}");
        assert_eq!(grants["kv"], json!({ "access": "read", "bytes": "1MiB", "keys": 7 }));
        assert_eq!(granted["env"], json!(["REGION"]));
        assert_eq!(granted["secrets"][0]["sign"], "hmac-sha256");
        assert_eq!(granted["secrets"][0]["message"], "{body}");
        assert_eq!(granted["tasks"], json!({ "add": ["*"], "jobs": "added" }));
        for document in [grants, granted] {
            let names = document.as_object().expect("an object").keys();
            assert!(names.clone().all(|name| CAPABILITIES.contains(&name.as_str())), "{document}");
        }
    }
}
