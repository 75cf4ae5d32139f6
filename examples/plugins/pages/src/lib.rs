//! Fetches pages, and keeps what they are about for an hour. A page that is kept is not fetched again.

#[saggar_guest::plugin]
mod pages {
    use std::time::Duration;

    use saggar_guest::http;
    use saggar_guest::prelude::*;
    use serde::{Deserialize, Serialize};

    const KEPT_FOR: Duration = Duration::from_secs(3600);

    /// What is kept of a page. The script keeps the same, so each finds what the other one has fetched.
    #[derive(Serialize, Deserialize)]
    struct Page {
        title: String,
        bytes: usize,
    }

    #[processor]
    fn fetch(_job: &Job, url: String) -> Result<Value, Failure> {
        let key = format!("pages/{url}");
        if let Some(Page { title, bytes }) = kv::get(&key)? {
            return Ok(json!({ "title": title, "bytes": bytes, "kept": true }));
        }
        let response = http::get(url).header("accept", "text/html").send()?.success()?;
        let page = Page { title: title(&response.text()), bytes: response.bytes().len() };
        kv::set_for(&key, &page, KEPT_FOR)?;
        kv::increment("pages/fetched", 1)?;
        Ok(json!({ "title": page.title, "bytes": page.bytes, "kept": false }))
    }

    fn title(html: &str) -> String {
        let inner = html.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        inner.map_or(String::new(), |(title, _)| title.trim().to_owned())
    }
}

#[cfg(test)]
mod tests;
