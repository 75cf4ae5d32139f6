//! The code blocks of a page, and their marks.

/// What the test does with a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Writes this file.
    File(String),
    /// Runs the commands; the last one has this exit code.
    Run { exit: i32 },
    /// Compares what the commands before it printed.
    Output { any_order: bool },
    /// Starts a service.
    Serve,
    /// Waits until the service has printed these lines.
    Log,
    /// Finds the lines in a file that a command wrote.
    Shows(String),
    /// Finds the lines in a file of the repository.
    From(String),
}

/// A code block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The number of its first line in the page.
    pub(super) line: usize,
    pub(super) mark: Mark,
    /// Its lines, each with a line end.
    pub(super) text: String,
}

/// Returns the blocks of a page; panics if one has no mark, an unknown one, or no end.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((line, fence)) = lines.next() {
        let content = fence.trim_start();
        let Some(info) = content.strip_prefix("```") else { continue };
        let indentation = &fence[..fence.len() - content.len()];
        let mut text = String::new();
        loop {
            let (_, content) = lines.next().unwrap_or_else(|| panic!("line {line}: the block has no end"));
            let content = content.strip_prefix(indentation).unwrap_or(content);
            if content == "```" {
                break;
            }
            text.push_str(content);
            text.push('\n');
        }
        let mark = mark(info).unwrap_or_else(|| panic!("line {line}: `{info}` has no known mark"));
        found.push(Block { line, mark, text });
    }
    found
}

/// Reads what follows the fence: the language and the mark.
fn mark(info: &str) -> Option<Mark> {
    let (_language, mark) = info.split_once(' ')?;
    Some(match mark {
        "run" => Mark::Run { exit: 0 },
        "run exit=1" => Mark::Run { exit: 1 },
        "output" => Mark::Output { any_order: false },
        "output any-order" => Mark::Output { any_order: true },
        "serve" => Mark::Serve,
        "log" => Mark::Log,
        _ => match mark.split_once('=')? {
            ("file", path) => Mark::File(path.to_owned()),
            ("shows", path) => Mark::Shows(path.to_owned()),
            ("from", path) => Mark::From(path.to_owned()),
            _ => return None,
        },
    })
}

#[test]
fn blocks_have_their_marks_and_lose_their_indentation() {
    let page = "text\n```js file=a/b.js\nx\n\n  y\n```\n1. item\n\n   ```sh run exit=1\n   false\n   ```\n";
    let expected = [
        Block { line: 2, mark: Mark::File("a/b.js".to_owned()), text: "x\n\n  y\n".to_owned() },
        Block { line: 9, mark: Mark::Run { exit: 1 }, text: "false\n".to_owned() },
    ];
    assert_eq!(blocks(page), expected);
}

#[test]
fn a_block_needs_a_mark() {
    for info in ["sh", "sh plain", "js file", "js path=a.js", "text output sorted"] {
        assert_eq!(mark(info), None, "{info}");
    }
}
