//! Sends webhooks: each event is a signed POST request, which is sent again later if the receiver says so.

#[saggar_guest::plugin]
mod webhook {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use saggar_guest::http;
    use saggar_guest::prelude::*;

    /// Sends an event to a receiver. `$HMAC.webhook` stands for the signature of the time and the body: the host makes it, and
    /// the plugin never has the key. The id of the job tells the receiver that it has the event already.
    #[processor]
    fn send(job: &Job, receiver: String, event: Value) -> Result<Value, Failure> {
        if receiver.is_empty() {
            return Err(Failure::reject("no-receiver", "an event needs the URL of its receiver"));
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let response = http::post(receiver)
            .header("x-webhook-id", job.id().to_string())
            .header("x-webhook-timestamp", time.as_secs().to_string())
            .header("x-webhook-signature", "v1=$HMAC.webhook")
            .json(&event)
            .timeout(Duration::from_secs(10))
            .send()?
            // 429 and 503 are retried after the seconds of `retry-after`; 404 ends the job.
            .success()?;
        Ok(json!({ "status": response.status() }))
    }
}

#[cfg(test)]
mod tests;
