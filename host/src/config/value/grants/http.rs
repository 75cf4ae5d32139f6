//! Requests over HTTP that the operator grants, and the secrets that they may carry.

use std::path::PathBuf;

use saggar::grant::{
    HttpGrant, Method, Methods, Network, OriginPattern, SecretGrant, SecretSource, header_name, is_secret_name,
};

use super::super::super::input::Node;
use super::super::Reader;
use super::super::table::{KnownTable, read_named};
use super::super::words::{Word, WordList};
use super::signing::read_signing;
use super::{path, variable_name};

/// The keys of a secret.
const SECRET_KEYS: [&str; 8] = ["file", "env", "command", "origins", "header", "sign", "message", "encoding"];

/// The header of a secret without one.
const HEADER: &str = "authorization";

const ORIGINS: WordList<OriginPattern> = WordList {
    words: "origins",
    example: "[\"https://api.example.com\"]",
    is_required: true,
    parse: |text| OriginPattern::parse(text).map_err(|error| error.to_string()),
};

const METHODS: WordList<Method> = WordList {
    words: "methods",
    example: "[\"GET\", \"POST\"]",
    is_required: true,
    parse: |text| Method::parse(text).ok_or_else(|| format!("write one of {}", Methods::ALL)),
};

const NETWORKS: WordList<Network> = WordList {
    words: "networks",
    example: "[\"10.1.0.0/16\"]",
    is_required: false,
    parse: |text| Network::parse(text).map_err(|error| error.to_string()),
};

const FILE: Word<PathBuf> = Word {
    expected: "the path of a file",
    example: "\"/run/secrets/stripe\"",
    parse: |text| path(text, "\"/run/secrets/stripe\""),
};

const VARIABLE: Word<String> =
    Word { expected: "the name of an environment variable", example: "\"STRIPE_KEY\"", parse: variable_name };

const COMMAND: WordList<String> = WordList {
    words: "texts: a program and its arguments",
    example: "[\"pass\", \"stripe\"]",
    is_required: true,
    parse: |text| match text.contains('\0') {
        true => Err("leave out the null character".to_owned()),
        false => Ok(text.to_owned()),
    },
};

const HEADER_NAME: Word<String> = Word {
    expected: "the name of a header",
    example: "\"authorization\"",
    parse: |text| header_name(text).map_err(|error| error.to_string()),
};

pub(super) fn read_http(node: &Node, path: &str, reader: &mut Reader) -> Option<HttpGrant> {
    let mut table = KnownTable::open(node, path, &["origins", "methods", "networks"], reader)?;
    let origins = table.required("origins", &ORIGINS, reader).unwrap_or_default();
    let methods = table.value("methods", &METHODS, reader);
    let methods = methods.map_or(Methods::ALL, |methods| methods.into_iter().collect());
    let networks = table.value("networks", &NETWORKS, reader).unwrap_or_default();
    table.finish(HttpGrant { origins, methods, networks })
}

pub(super) fn read_secrets(node: &Node, path: &str, reader: &mut Reader) -> Option<Vec<SecretGrant>> {
    let name_help = "a name has at most 64 lower-case letters, digits, `-` and `_`";
    read_named(node, path, is_secret_name, name_help, reader, read_secret)
}

fn read_secret(name: &str, node: &Node, path: &str, reader: &mut Reader) -> Option<SecretGrant> {
    let mut table = KnownTable::open(node, path, &SECRET_KEYS, reader)?;
    if ["file", "env", "command"].into_iter().filter(|key| table.has(key)).count() != 1 {
        let message = format!("`{path}` needs one of `file`, `env` and `command`");
        let help = "write where its value comes from, for example `file = \"/run/secrets/stripe\"`";
        table.reject(message, help.to_owned(), reader);
    }
    let file = table.value("file", &FILE, reader).flatten();
    let file = file.map(|path| SecretSource::File(reader.base.join(path)));
    let variable = table.value("env", &VARIABLE, reader).flatten().map(SecretSource::Env);
    let command = table.value("command", &COMMAND, reader).map(SecretSource::Command);
    let origins = table.required("origins", &ORIGINS, reader).unwrap_or_default();
    let header = table.value("header", &HEADER_NAME, reader).flatten().unwrap_or_else(|| HEADER.to_owned());
    let signing = read_signing(&mut table, path, &header, reader);
    let source = file.or(variable).or(command);
    table.finish(())?;
    Some(SecretGrant { name: name.to_owned(), source: source?, origins, header, signing })
}
