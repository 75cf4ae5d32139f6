//! Turns Markdown documents into HTML pages, each with its title and its table of contents.

#[saggar_guest::plugin]
mod markdown {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
    use saggar_guest::prelude::*;

    #[derive(serde::Deserialize)]
    struct Document {
        name: String,
        text: String,
    }

    #[processor]
    fn render(job: &Job, documents: Vec<Document>) -> Result<Vec<Value>, Failure> {
        if documents.is_empty() {
            return Err(Failure::reject("no-documents", "there is nothing to render"));
        }
        let total = documents.len() as u64;
        let mut pages = Vec::new();
        for (done, document) in (0..).zip(&documents) {
            job.progress(done, total, &document.name);
            pages.push(page(document));
        }
        job.progress(total, total, "rendered");
        Ok(pages)
    }

    fn page(Document { name, text }: &Document) -> Value {
        let (mut events, mut contents, mut start) = (Vec::new(), Vec::new(), 0);
        for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS) {
            match event {
                Event::Start(Tag::Heading { .. }) => start = events.len(),
                Event::End(TagEnd::Heading(level)) => {
                    let anchor = format!("section-{}", contents.len() + 1);
                    let text: String = events[start..].iter().filter_map(words).collect();
                    contents.push(json!({ "level": level as u8, "text": text, "anchor": anchor }));
                    if let Event::Start(Tag::Heading { id, .. }) = &mut events[start] {
                        *id = Some(anchor.into());
                    }
                }
                _ => {}
            }
            events.push(event);
        }
        let title = contents.first().map_or(json!(name), |heading| heading["text"].clone());
        let mut html = String::new();
        html::push_html(&mut html, events.into_iter());
        json!({ "name": name.replace(".md", ".html"), "title": title, "contents": contents, "html": html })
    }

    fn words<'a>(event: &'a Event) -> Option<&'a str> {
        if let Event::Text(text) | Event::Code(text) = event { Some(text) } else { None }
    }
}

#[cfg(test)]
mod tests;
