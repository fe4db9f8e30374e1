//! What the terminal shows while a test runs: on standard error, so that the result stands alone on standard output.

use std::io::{IsTerminal, Write, stderr};

/// Prints a line.
pub(crate) fn line(text: &str) {
    // Nobody may be there to read it.
    writeln!(stderr(), "{text}").ok();
}

/// Shows a line that the next one replaces, where there is a terminal.
pub(crate) fn status(text: &str) {
    let mut stderr = stderr();
    if stderr.is_terminal() {
        write!(stderr, "\r\x1b[2K{text}").ok();
        stderr.flush().ok();
    }
}

/// Ends the line that would be replaced.
pub(crate) fn end_status() {
    let mut stderr = stderr();
    if stderr.is_terminal() {
        write!(stderr, "\r\x1b[2K").ok();
    }
}
