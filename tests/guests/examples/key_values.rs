//! Makes one operation on the key-value store. Arguments: its name, the key, a value, and the expected version. Returns what it
//! answers, or the code of the problem. `fill` sets keys that begin with the key, each to a text of so many bytes as the value
//! says, until one is refused; it returns how many it has set, and the code.

#[saggar_guest::plugin]
mod key_values {
    use saggar_guest::prelude::*;

    #[processor]
    fn operate(
        _job: &Job,
        name: String,
        key: String,
        value: Option<Value>,
        version: Option<u64>,
    ) -> Result<Value, Failure> {
        let number = value.as_ref().and_then(Value::as_i64).unwrap_or(1);
        let answer = match name.as_str() {
            "get" => {
                kv::entry::<Value>(&key).map(|entry| json!(entry.map(|entry| json!([entry.value, entry.version]))))
            }
            "set" => kv::set(&key, &value).map(|version| json!(version)),
            "swap" => kv::swap(&key, version, &value).map(|version| json!(version)),
            "increment" => kv::increment(&key, number).map(|sum| json!(sum)),
            "remove" => kv::remove(&key).map(|was_removed| json!(was_removed)),
            "keys" => kv::keys(&key).map(|keys| json!(keys)),
            "fill" => Ok(fill(&key, number.unsigned_abs() as usize)),
            _ => return Err(Failure::reject("unknown-operation", name)),
        };
        Ok(answer.unwrap_or_else(|problem| json!(problem.code())))
    }

    fn fill(prefix: &str, bytes: usize) -> Value {
        let text = "x".repeat(bytes);
        for number in 0.. {
            if let Err(problem) = kv::set(&format!("{prefix}{number}"), &text) {
                return json!([number, problem.code()]);
            }
        }
        Value::Null
    }
}
