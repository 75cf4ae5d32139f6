//! Converts the host's values into a function's parameters, and the function's result back. The code that `#[plugin]`
//! generates uses it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{Failure, Problem};

/// One parameter of a processor, as in the source code.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// Whether it is an `Option` and all later parameters are `Option`s, too.
    pub optional: bool,
}

/// The arguments of one call, taken by position.
#[derive(Debug)]
pub struct Arguments<'a> {
    parameters: &'static [Parameter],
    values: Vec<&'a RawValue>,
    next: usize,
}

impl<'a> Arguments<'a> {
    /// Reads a JSON array and checks its length against the parameters.
    pub fn parse(args: &'a str, parameters: &'static [Parameter]) -> Result<Self, Failure> {
        let values: Vec<&RawValue> = serde_json::from_str(args)
            .map_err(|error| invalid(format!("the arguments are not a list: {}", text(&error))))?;
        let min = parameters.iter().filter(|parameter| !parameter.optional).count();
        if values.len() < min || values.len() > parameters.len() {
            return Err(invalid(wrong_count(values.len(), parameters)));
        }
        Ok(Self { parameters, values, next: 0 })
    }

    /// Takes the next argument. A missing one counts as `null`.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let index = self.next;
        self.next += 1;
        let json = self.values.get(index).map_or("null", |value| value.get());
        serde_json::from_str(json).map_err(|error| mismatch(index, &self.parameters[index], &error))
    }
}

/// Serializes a response.
pub fn to_json<T: Serialize>(response: T) -> Result<String, Failure> {
    serde_json::to_string(&response).map_err(|error| Failure::reject("invalid-response", error.to_string()))
}

/// Deserializes the response for a success handler.
pub fn from_response<T: DeserializeOwned>(response: &str) -> Result<T, Problem> {
    serde_json::from_str(response).map_err(|error| Problem::new("invalid-response", error.to_string()))
}

/// Converts the result of a fallible function; any error becomes a failure.
pub fn failable<T, E: Into<Failure>>(result: Result<T, E>) -> Result<T, Failure> {
    result.map_err(Into::into)
}

/// Converts the result of `#[next]`.
pub fn next_id(id: impl NextId) -> Result<Option<u64>, Problem> {
    Ok(id.into_id())
}

/// An id, or `None` to use the task's own counter.
#[diagnostic::on_unimplemented(
    message = "`#[next]` returns `u64` or `Option<u64>`",
    label = "`{Self}` is not a job id",
    note = "or a `Result` of one, with an error that converts into a `Failure`"
)]
pub trait NextId {
    /// Returns the id, if there is one.
    fn into_id(self) -> Option<u64>;
}

impl NextId for u64 {
    fn into_id(self) -> Option<u64> {
        Some(self)
    }
}

impl NextId for Option<u64> {
    fn into_id(self) -> Option<u64> {
        self
    }
}

fn wrong_count(given: usize, parameters: &[Parameter]) -> String {
    let mut wanted = String::new();
    let mut missing = String::new();
    for (index, Parameter { name, kind, optional }) in parameters.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        wanted += &format!("{comma}{name}: {kind}");
        if index >= given && !optional {
            let comma = if missing.is_empty() { "; missing: " } else { ", " };
            missing += &format!("{comma}{name}");
        }
    }
    format!("got {given} arguments for ({wanted}){missing}")
}

fn mismatch(index: usize, parameter: &Parameter, error: &serde_json::Error) -> Failure {
    let (name, position) = (parameter.name, index + 1);
    let message = format!("argument {position} `{name}`: {}", text(error));
    // A Rust identifier needs no escaping in JSON.
    let details = format!("{{\"argument\":\"{name}\",\"position\":{position}}}");
    Failure::Reject(Problem::from_parts(INVALID_ARGS.into(), message, Some(details)))
}

const INVALID_ARGS: &str = "invalid-args";

fn invalid(message: String) -> Failure {
    Failure::reject(INVALID_ARGS, message)
}

/// Formats the error without its line and column, which are meaningless to a client that sent a value and not a text.
fn text(error: &serde_json::Error) -> String {
    const POSITION: &[u8] = b" at line ";
    let mut text = error.to_string().into_bytes();
    // Not `str::rfind` because its searcher alone adds 2 KB to a component.
    if let Some(end) = text.windows(POSITION.len()).rposition(|window| window == POSITION) {
        text.truncate(end);
    }
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_values_preserve_every_digit() {
        const PARAMETERS: &[Parameter] = &[Parameter { name: "value", kind: "Box<RawValue>", optional: false }];
        let mut arguments = Arguments::parse("[ {\"a\":[18446744073709551617,1e400]} ]", PARAMETERS).unwrap();
        let value: Box<RawValue> = arguments.take().unwrap();
        assert_eq!(to_json(value).unwrap(), "{\"a\":[18446744073709551617,1e400]}");
    }
}
