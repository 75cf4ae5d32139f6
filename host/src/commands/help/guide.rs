//! The pages of the guide, which are part of the program, and how a terminal shows them.

/// The pages and their list, `SUMMARY.md`: paths and texts.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/guide_files.rs"));

/// Where a checkout has the guide, relative to the repository.
const FOLDER: &str = "docs/guide/src";

/// Returns the text of a page, such as `testing`.
pub(super) fn page(name: &str) -> Option<&'static str> {
    names().find(|known| *known == name)?;
    file(&format!("{name}.md"))
}

fn file(name: &str) -> Option<&'static str> {
    let of_guide = |(path, _): &&(&str, &str)| path.strip_prefix("guide/") == Some(name);
    FILES.iter().find(of_guide).map(|(_, text)| *text)
}

/// Returns the names of the pages, in the order of the guide.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    summary().filter_map(|line| line.1)
}

/// Returns the titles of the list of pages, and the name of the page for those that are of one.
fn summary() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    file("SUMMARY.md").unwrap_or_default().lines().filter_map(|line| match line.strip_prefix("- [") {
        Some(link) => {
            let (title, target) = link.strip_suffix(".md)")?.split_once("](")?;
            Some((title, Some(target)))
        }
        None => Some((line.strip_prefix("# ")?, None)),
    })
}

/// Returns the list of all pages.
pub(super) fn list() -> String {
    let mut text = String::from("Guide, each page with `saggar help PAGE`:\n");
    // The first heading is that of the list.
    for (title, name) in summary().skip(1) {
        match name {
            Some(name) => text += &format!("  {name:<14} {title}\n"),
            None => text += &format!("\n {title}:\n"),
        }
    }
    text
}

/// Returns a page for a terminal: code is indented, and links say where they lead.
pub(super) fn for_terminal(page: &str) -> String {
    let (mut text, mut is_code) = (String::new(), false);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            text += format!("    {line}").trim_end();
            text.push('\n');
        } else {
            text += &with_plain_links(line);
            text.push('\n');
        }
    }
    text
}

/// Replaces each `[title](target)` with the title and how to read the target.
fn with_plain_links(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some((before, title, target, after)) = first_link(rest) {
        text += before;
        text += title;
        text += &destination(target);
        rest = after;
    }
    text + rest
}

/// Splits a line at its first link: what is before it, its title, its target, and what follows.
fn first_link(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (head, rest) = line.split_once("](")?;
    let (before, title) = head.rsplit_once('[')?;
    let (target, after) = rest.split_once(')')?;
    Some((before, title, target, after))
}

fn destination(target: &str) -> String {
    let (path, _) = target.split_once('#').unwrap_or((target, ""));
    if path.starts_with("https://") {
        return format!(" <{path}>");
    }
    match path.strip_suffix(".md").filter(|name| page(name).is_some()) {
        Some(name) => format!(" (`saggar help {name}`)"),
        None if path.is_empty() => String::new(),
        // The targets are relative to the guide's folder, and the SDKs and the reference are in the repository.
        None => match path.trim_start_matches("../") {
            path if target.starts_with("../../../") => format!(" ({path})"),
            path if target.starts_with("../../") => format!(" (docs/{path})"),
            path => format!(" ({FOLDER}/{path})"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pages_are_listed() {
        let in_files = FILES.iter().filter(|(path, _)| *path != "guide/SUMMARY.md").count();
        assert_eq!(names().count(), in_files);
        for name in names() {
            assert!(page(name).is_some_and(|text| text.starts_with("# ")), "{name}");
            assert!(list().contains(&format!("\n  {name} ")), "{}", list());
        }
        assert_eq!(page("SUMMARY"), None);
    }

    #[test]
    fn a_page_is_readable_on_a_terminal() {
        let page = "# A\n\n```sh run\nsaggar help\n```\n[Testing](testing.md#x), [rustup](https://rustup.rs), \
                    [the SDK](../../../guest-sdk/c/README.md#a), [Limits](../../limits.md), a[0], [here](#a)\n";
        let expected = "# A\n\n    saggar help\nTesting (`saggar help testing`), rustup <https://rustup.rs>, \
                        the SDK (guest-sdk/c/README.md), Limits (docs/limits.md), a[0], here\n";
        assert_eq!(for_terminal(page), expected);
    }

    #[test]
    fn no_markup_of_links_is_left() {
        for name in names() {
            let text = for_terminal(page(name).unwrap_or_default());
            assert!(!text.contains("](") && !text.contains("```"), "{name}:\n{text}");
        }
    }
}
