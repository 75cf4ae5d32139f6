//! `saggar help`: the help of commands, and the pages of the guide.

mod guide;

use clap::CommandFactory;
use serde_json::json;

use super::{USAGE, output};
use crate::cli::{Cli, Help};

pub(crate) fn run(args: &Help) -> anyhow::Result<u8> {
    let Some(topic) = &args.topic else {
        return print(args, "saggar", &format!("{}\n{}", help_of(None), guide::list()));
    };
    let root = Cli::command();
    if root.find_subcommand(topic).is_some() {
        return print(args, topic, &help_of(Some(topic)));
    }
    if let Some(page) = guide::page(topic) {
        let text = if args.json { page.to_owned() } else { guide::for_terminal(page) };
        return print(args, topic, &text);
    }
    let pages: Vec<&str> = guide::names().collect();
    let names = root.get_subcommands().map(clap::Command::get_name).chain(pages);
    match saggar_definition::nearest(topic, names) {
        Some(similar) => say!(
            "saggar: there is no command or page `{0}`; did you mean `saggar help {similar}`?",
            output::cell(topic)
        ),
        None => say!("saggar: there is no command or page `{}`; `saggar help` lists them", output::cell(topic)),
    }
    Ok(USAGE)
}

/// Returns what `--help` of a command prints, or of the whole program.
fn help_of(command: Option<&str>) -> String {
    let words = ["saggar"].into_iter().chain(command).chain(["--help"]);
    match Cli::command().try_get_matches_from(words) {
        // Help is an error for the parser, because it parses nothing.
        Err(help) => help.render().to_string(),
        Ok(_) => String::new(),
    }
}

fn print(args: &Help, name: &str, text: &str) -> anyhow::Result<u8> {
    if args.json {
        output::json(&json!({ "name": name, "text": text }).to_string())?;
    } else {
        output::write(text)?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_has_the_name_of_a_command() {
        let root = Cli::command();
        for name in guide::names() {
            assert!(root.find_subcommand(name).is_none(), "{name}");
        }
    }
}
