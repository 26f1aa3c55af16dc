//! What is seen of all this: lines that scroll, and in a terminal a line of state that stays below them.
//!
//! There is no other screen than the terminal's own: what has scrolled away can be read again, searched and copied. Without a
//! terminal the same lines are written, and nothing that moves.

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Effects, Style};

use super::super::tries::Shown;
use super::feed::News;
use crate::delivery::verdict::Ending;
use crate::sandbox::text::is_obeyed;

/// The most characters that are shown of one line.
const MAX_CHARACTERS: usize = 600;

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

const PLAIN: Style = Style::new();
const DIM: Style = Style::new().effects(Effects::DIMMED);
const GOOD: Style = AnsiColor::Green.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const STATE: Style = Style::new().effects(Effects::INVERT);

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What happens.
    Plain,
    /// What was asked for is there.
    Good,
    /// Something that may not be meant.
    Odd,
    /// Something is wrong.
    Bad,
    /// A line of the tools that build, as they have written it.
    Tool,
}

/// See the module's documentation.
pub struct Screen<W> {
    out: W,
    terminal: bool,
    colours: bool,
    columns: fn() -> usize,
    state: String,
}

impl Screen<io::Stdout> {
    /// On stdout.
    pub fn on_stdout() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = io::stdout().is_terminal() && !dumb;
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let columns =
            || terminal_size::terminal_size_of(io::stdout()).map_or(COLUMNS, |(width, _)| usize::from(width.0));
        Screen { out: io::stdout(), terminal, colours: terminal && !no_colour, columns, state: String::new() }
    }
}

impl<W: Write> Screen<W> {
    /// Whether colours are shown.
    pub fn has_colours(&self) -> bool {
        self.colours
    }

    /// A line, or some.
    ///
    /// # Errors
    /// Where nobody can read it.
    pub fn say(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let style = match tone {
            Tone::Plain | Tone::Tool => PLAIN,
            Tone::Good => GOOD,
            Tone::Odd => ODD,
            Tone::Bad => BAD,
        };
        let text = match tone {
            Tone::Tool => format!("  {text}"),
            _ => self.styled(style, &readable(text, "  ")),
        };
        self.print(&[text])
    }

    /// What happened to an event. `several`: there is more than one handler.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn news(&mut self, news: &News, several: bool) -> io::Result<()> {
        match news {
            News::Try(handler, shown) => {
                let lines = self.tried(handler, shown, several);
                self.print(&lines)
            }
            News::DeadLetter(text) => self.say(Tone::Bad, text),
            News::Line(text) => self.say(Tone::Odd, text),
        }
    }

    fn tried(&self, handler: &str, shown: &Shown, several: bool) -> Vec<String> {
        let head = shown.head();
        let style = match shown.ending() {
            Ending::Ack | Ending::Skip => GOOD,
            Ending::Retry(_) => ODD,
            Ending::DeadLetter(_) | Ending::Error { .. } | Ending::Fault { .. } => BAD,
        };
        let handler = if several { format!("  {handler}") } else { String::new() };
        let mut lines = vec![format!(
            "{}{handler}  {}{}  {}",
            readable(&head.of, "    "),
            self.styled(style, head.verdict),
            readable(&head.why, "    "),
            self.styled(DIM, &format!("({})", head.took)),
        )];
        lines.extend(shown.details("").iter().map(|line| format!("    {}", readable(line, "      "))));
        lines
    }

    /// The line of state, where there is one.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn state(&mut self, state: String) -> io::Result<()> {
        if !self.terminal || self.state == state {
            return Ok(());
        }
        self.state = state;
        self.print(&[])
    }

    /// Somebody has pressed Enter, which the terminal has shown below the line of state.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn entered(&mut self) -> io::Result<()> {
        if self.terminal {
            self.out.write_all(b"\x1b[A")?;
        }
        self.print(&[])
    }

    /// Nothing comes any more: leaves the terminal as it was found.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub fn end(&mut self) -> io::Result<()> {
        self.state.clear();
        self.print(&[])
    }

    /// In one write, or the line of state would flicker.
    fn print(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::new();
        if self.terminal {
            // From here to the end: a narrower window has made two lines of one.
            text.push_str("\r\x1b[J");
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        if self.terminal && !self.state.is_empty() {
            // The last column stays free, or some terminals begin another line.
            let room = (self.columns)().saturating_sub(1);
            let state: String = readable(&self.state, "").chars().take(room).collect();
            text.push_str(&if self.colours { self.styled(STATE, &state) } else { state });
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.colours && style != PLAIN {
            format!("{}{text}{}", style.render(), style.render_reset())
        } else {
            text.to_owned()
        }
    }
}

/// A text as it may be shown: guests say what they like. Further lines are indented; what moves the cursor is replaced,
/// and what is very long is cut.
fn readable(text: &str, indent: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(4 * MAX_CHARACTERS));
    for (count, character) in text.trim_end().chars().enumerate() {
        match character {
            _ if count == MAX_CHARACTERS => {
                shown.push_str(&format!("... ({} bytes)", text.len()));
                break;
            }
            '\n' => {
                shown.push('\n');
                shown.push_str(indent);
            }
            '\t' => shown.push(' '),
            '\r' => {}
            obeyed if is_obeyed(obeyed) => shown.push('\u{fffd}'),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests;
