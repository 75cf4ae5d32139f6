//! Responses of a host: stored as text and parsed on demand.

use std::marker::PhantomData;

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use saggar_wire::Problem;
use serde::de::DeserializeOwned;

use crate::error::ClientError;

/// A JSON document of type `T`, as the host wrote it. The text retains unknown members.
#[derive(Debug, Clone)]
pub struct JsonBody<T> {
    text: String,
    document: PhantomData<T>,
}

impl<T: DeserializeOwned> JsonBody<T> {
    pub(crate) fn new(text: String) -> Self {
        Self { text, document: PhantomData }
    }

    /// Returns the text of the document.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Parses the document.
    pub fn parse(&self) -> Result<T, ClientError> {
        serde_json::from_str(&self.text).map_err(ClientError::InvalidResponse)
    }
}

/// Returns the response if it is a success of this media type, otherwise the problem that the host reports.
pub(crate) async fn expect(response: Response, url: &str, media_type: &str) -> Result<Response, ClientError> {
    let status = response.status();
    let given = media_type_of(&response);
    if status.is_success() && (status == 204 || given == media_type) {
        return Ok(response);
    }
    let what = match response.headers().get(reqwest::header::LOCATION) {
        Some(elsewhere) if status.is_redirection() => {
            format!("it redirects to {}, which is not followed", String::from_utf8_lossy(elsewhere.as_bytes()))
        }
        _ => format!("it answers {status} with {}", if given.is_empty() { "nothing" } else { &given }),
    };
    let not_saggar = ClientError::NotSaggar { url: url.to_owned(), status: Some(status.as_u16()), what };
    if given != "application/problem+json" {
        return Err(not_saggar);
    }
    let text = response.text().await.map_err(|error| ClientError::from_request(url, &error))?;
    Err(serde_json::from_str::<Problem>(&text).map_or(not_saggar, |problem| ClientError::Refused(Box::new(problem))))
}

fn media_type_of(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
