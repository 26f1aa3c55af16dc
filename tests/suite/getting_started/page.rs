//! A page's commands, and what it shows of what they print.

/// Before a block of commands that the reader runs and the test has done before: the build, a Kafka.
const DONE_BEFORE: &str = "<!-- done before -->";
const COMMANDS: &str = "```sh";
const PRINTED: &str = "```text";
const END: &str = "```";

/// The blocks that are to be run, in order.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) blocks: Vec<Block>,
}

/// Commands that stand together.
#[derive(Debug)]
pub(super) struct Block {
    /// Of the page, from 1: the first of the commands.
    pub(super) line: usize,
    pub(super) script: String,
    /// The lines of the page, from 0, that show what is printed.
    shown: Option<std::ops::Range<usize>>,
}

impl Block {
    /// What the page shows, if it shows anything of these commands.
    pub(super) fn expected(&self, page: &str) -> Option<String> {
        let shown = self.shown.clone()?;
        Some(page.lines().skip(shown.start).take(shown.len()).map(|line| format!("{line}\n")).collect())
    }
}

impl Page {
    /// # Errors
    /// Where something is shown that no commands print, or a block does not end.
    pub(super) fn read(text: &str) -> Result<Page, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut blocks: Vec<Block> = Vec::new();
        let mut at = 0;
        // Whether the last block that was read is one of commands to run, with nothing but empty lines behind it.
        let mut awaits_printed = false;
        let mut done_before = false;
        while at < lines.len() {
            let (line, start) = (lines[at], at + 1);
            at = start;
            if !line.starts_with(END) {
                awaits_printed &= line.is_empty();
                done_before = line == DONE_BEFORE || done_before && line.is_empty();
                continue;
            }
            let length = lines[start..].iter().position(|line| *line == END);
            let length = length.ok_or_else(|| format!("the block in line {start} does not end"))?;
            at = start + length + 1;
            match (line, blocks.last_mut()) {
                (COMMANDS, _) => {
                    awaits_printed = !done_before;
                    if !done_before {
                        let script = lines[start..start + length].iter().map(|line| format!("{line}\n")).collect();
                        blocks.push(Block { line: start + 1, script, shown: None });
                    }
                }
                (PRINTED, Some(block)) if awaits_printed => {
                    block.shown = Some(start..start + length);
                    awaits_printed = false;
                }
                (PRINTED, _) => return Err(format!("line {start} shows what no commands before it print")),
                _ => awaits_printed = false,
            }
            done_before = false;
        }
        Ok(Page { blocks })
    }

    /// The page with what was printed in place of what these blocks show.
    pub(super) fn with(&self, text: &str, printed: &[(&Block, &String)]) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // From behind, so that the lines before keep their numbers.
        for (block, printed) in printed.iter().rev() {
            if let Some(shown) = block.shown.clone() {
                lines.splice(shown, printed.lines().map(|line| line.trim_end().to_owned()));
            }
        }
        lines.join("\n") + "\n"
    }
}

/// What the page shows of files of the repository, as the comment before it names them.
pub(super) fn excerpts(text: &str) -> Vec<(String, String)> {
    let marks = text.split("<!-- of ").skip(1);
    let excerpt = |after: &str| {
        let (file, rest) = after.split_once(" -->\n```")?;
        let (_, block) = rest.split_once('\n')?;
        let (block, _) = block.split_once("\n```\n")?;
        Some((file.to_owned(), block.to_owned()))
    };
    marks.filter_map(excerpt).collect()
}

#[test]
fn an_excerpt_is_of_the_file_that_stands_before_it() {
    let text = "a\n<!-- of src/a.py -->\n```python\ndef a():\n    pass\n```\n```python\nb\n```\n";
    assert_eq!(excerpts(text), [("src/a.py".to_owned(), "def a():\n    pass".to_owned())]);
}

#[test]
fn commands_and_what_they_print_are_read_in_order() {
    let text = "# Page\n\n<!-- done before -->\n```sh\nmake\n```\n\n```sh\necho a\n```\nwords\n```toml\na = 1\n```\n\
                ```sh\necho b\necho c\n```\n```text\nb\nc\n```\n";
    let page = Page::read(text).unwrap();
    let blocks = page.blocks.iter().map(|block| (block.line, block.script.as_str(), block.expected(text)));
    let blocks = blocks.collect::<Vec<_>>();
    assert_eq!(blocks, [(9, "echo a\n", None), (16, "echo b\necho c\n", Some("b\nc\n".to_owned()))]);
    let with = page.with(text, &[(&page.blocks[1], &"d\n".to_owned())]);
    assert_eq!(with, text.replace("b\nc\n```\n", "d\n```\n").replace("echo d", "echo b\necho c"));
}

#[test]
fn what_nothing_prints_is_an_error() {
    let none = Page::read("```text\na\n```\n").unwrap_err();
    assert_eq!(none, "line 1 shows what no commands before it print");
    let other = "```sh\necho a\n```\nSome words.\n```text\na\n```\n";
    assert_eq!(Page::read(other).unwrap_err(), "line 5 shows what no commands before it print");
    assert_eq!(Page::read("```sh\necho a\n").unwrap_err(), "the block in line 1 does not end");
}
