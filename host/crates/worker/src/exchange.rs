//! Exchanges of a guest over HTTP, as far as its task is granted any. What fails is written to the job's log as well, because
//! most errors of `wasi:http` have no text.

use saggar_job::LogSource;
use saggar_sandbox::{HttpError, HttpRequest, HttpResponse, escaped};

use crate::services::CallServices;

impl CallServices {
    /// Makes an exchange.
    pub(crate) async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = match (&self.granted.http, self.runtime.http.get()) {
            (Some(granted), Some(http)) => http.exchange(self.caller_name(), granted, request).await,
            (Some(_), None) => Err(HttpError::not_granted("this host sends no requests over HTTP")),
            (None, _) => Err(HttpError::not_granted(format!(
                "the task `{}` requests no HTTP: add the origins of its requests to `sandbox.http`",
                self.caller_name()
            ))),
        };
        if let Err(error) = &answer {
            let text = format!("HTTP: {error}");
            self.log.write(&*self.runtime.clock, &self.runtime.tenant, LogSource::Host, &escaped(&text));
        }
        answer
    }
}
