//! Each event of the log is one line, whatever its texts are: identities are anybody's choice.

use std::io::{self, Write};

/// Writes events, each of which comes whole and ends with a line feed.
pub(crate) struct OneLine<W>(pub(crate) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (text, end) = match event.split_last() {
            Some((b'\n', text)) => (text, &b"\n"[..]),
            _ => (event, &b""[..]),
        };
        let mut line = Vec::with_capacity(event.len());
        for byte in text {
            match byte {
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                byte => line.push(*byte),
            }
        }
        line.extend_from_slice(end);
        self.0.write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_lines_begins_no_other_line() {
        let mut log = OneLine(Vec::new());
        let event = b"INFO identity=a\r\n2026 INFO forged\n";
        assert_eq!(log.write(event).ok(), Some(event.len()));
        assert_eq!(log.0, b"INFO identity=a\\r\\n2026 INFO forged\n");
    }
}
