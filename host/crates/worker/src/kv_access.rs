//! Operations of guests on their tenant's key-value store, as far as they are granted.

use saggar_grant::{Granted, KvGranted};
use saggar_job::Problem;
use saggar_queue::{KvAnswer, KvLimits, KvOperation};

use crate::runtime::Runtime;

/// Performs an operation for a guest of the task `caller`.
pub(crate) async fn perform(
    runtime: &Runtime,
    granted: &Granted,
    caller: &str,
    operation: KvOperation,
) -> Result<KvAnswer, Problem> {
    let granted = granted.kv.as_ref().ok_or_else(|| nothing_granted(caller))?;
    check_access(granted, caller, &operation)?;
    let limits = KvLimits { keys: granted.max_keys, bytes: granted.max_bytes };
    let (store, now) = (runtime.queue.store(), runtime.clock.now());
    let answer = store.kv(runtime.tenant.name(), operation, limits, now).await;
    answer.map_err(|error| Problem::new(error.code(), error.to_string()))
}

/// Checks that the operation is one that is granted, on keys that are. A search of keys outside of the granted prefix is
/// refused, and not narrowed: a guest that finds nothing would look for the reason elsewhere.
fn check_access(granted: &KvGranted, caller: &str, operation: &KvOperation) -> Result<(), Problem> {
    let refused = |message: String| Err(Problem::new("not-granted", message));
    if !operation.is_read() && !granted.access.is_write() {
        return refused(format!(
            "the task `{caller}` may read the key-value store, but not change it; `\"sandbox\": {{\"kv\": \"write\"}}` in \
             its definition requests that"
        ));
    }
    if !granted.allows_key(operation.about()) {
        return refused(format!(
            "the task `{caller}` may only use keys that begin with `{}`, as its definition requests (`sandbox.kv.prefix`)",
            granted.prefix
        ));
    }
    Ok(())
}

fn nothing_granted(caller: &str) -> Problem {
    let message = format!(
        "the task `{caller}` has no access to the key-value store; `\"sandbox\": {{\"kv\": \"write\"}}` in its definition \
         requests it, and the operator of the host grants it (`[grants.kv]`)"
    );
    Problem::new("not-granted", message)
}

#[cfg(test)]
mod tests {
    use saggar_grant::Access;
    use saggar_queue::KvChange;

    use super::*;

    fn code(access: Access, prefix: &str, operation: &KvOperation) -> Option<String> {
        let granted = KvGranted { access, prefix: prefix.to_owned(), max_bytes: 1, max_keys: 1 };
        check_access(&granted, "mail.send", operation).err().map(|problem| problem.code)
    }

    #[test]
    fn operations_outside_of_the_grant_are_refused() {
        let get = |key: &str| KvOperation::Get { key: key.to_owned() };
        let keys = |prefix: &str| KvOperation::Keys { prefix: prefix.to_owned(), after: None, limit: 9 };
        let delete =
            |key: &str| KvOperation::Change { key: key.to_owned(), change: KvChange::Delete { expected: None } };
        let refused = Some("not-granted".to_owned());
        assert_eq!(code(Access::Read, "", &get("a")), None);
        assert_eq!(code(Access::Read, "", &keys("")), None);
        assert_eq!(code(Access::Read, "", &delete("a")), refused);
        assert_eq!(code(Access::Write, "", &delete("a")), None);
        for (operation, expected) in [
            (get("mail/1"), None),
            (delete("mail/"), None),
            (keys("mail/a"), None),
            (get("mail"), refused.clone()),
            (delete("Mail/1"), refused.clone()),
            (keys("mai"), refused.clone()),
            (keys(""), refused),
        ] {
            assert_eq!(code(Access::Write, "mail/", &operation), expected, "{operation:?}");
        }
    }
}
