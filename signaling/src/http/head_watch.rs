//! Request heads that are longer than most.
//!
//! A client's first offer rides in the URL, and so may a token with a participant's metadata; the
//! `http` crate takes targets up to 65,534 bytes. [`HeadWatch`] stands between socket and HTTP:
//! where a request line is longer than [`PLAIN_HEAD`], it takes the query out and leaves a mark in
//! its place. It also says when a head grows long, so that few do at a time.

/// Bytes of a head that nothing is done about.
pub(crate) const PLAIN_HEAD: usize = 60 << 10;

/// Longest query that is taken out of a target, in bytes: a join request of 1 MiB in base64, and
/// what else a query has.
const MAX_QUERY: usize = 3 << 19;

/// What a request line begins with that may be longer than [`PLAIN_HEAD`].
const METHOD: &[u8] = b"GET ";

/// Longer than any target that the `http` crate takes: it is answered with 414.
const REFUSED_TARGET: usize = 1 << 16;

/// Headers of which one says that what follows the head is no further head.
const LAST_HEADS: [&[u8]; 3] = [b"content-length:", b"transfer-encoding:", b"upgrade:"];

/// Bytes of a header line that are enough to know it.
const NAME_BYTES: usize = 18;

/// Reads request heads as they pass.
///
/// A connection is watched as long as it carries `GET` requests without a body; what follows
/// the head of another one passes untouched and uncopied ([`HeadWatch::is_over`]). Memory: one
/// request line of at most [`PLAIN_HEAD`] and [`MAX_QUERY`] bytes.
#[derive(Debug, Default)]
pub(crate) struct HeadWatch {
    place: Place,
    /// A request line so far, or the first bytes of a header line.
    held: Vec<u8>,
    /// Length of the head so far.
    length: usize,
    taken: Option<TakenQuery>,
    count: u32,
}

/// Where in the stream the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In a request line.
    #[default]
    RequestLine,
    /// In a request line that is longer than any, and is not kept.
    EndlessLine,
    /// In the headers of a request that another may follow.
    Headers,
    /// In the last head that is looked at.
    LastHead,
    /// Behind that.
    Over,
}

/// The query of a target that was too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TakenQuery {
    /// What stands in the target as query.
    mark: String,
    /// The query as the client wrote it.
    pub(crate) query: String,
}

impl TakenQuery {
    /// Reports whether a request's query stands for this one.
    pub(crate) fn is_of(&self, query: &str) -> bool {
        self.mark == query
    }
}

impl HeadWatch {
    /// Appends to `output` what HTTP is to read of the next `bytes` of the stream.
    pub(crate) fn push(&mut self, mut bytes: &[u8], output: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            bytes = rest;
            self.length += line.len();
            match self.place {
                Place::RequestLine => self.request_line(line, end.is_some(), output),
                Place::EndlessLine if end.is_some() => self.refuse(output),
                Place::EndlessLine => {}
                Place::Headers | Place::LastHead => {
                    output.extend_from_slice(line);
                    self.header_line(line, end.is_some());
                }
                Place::Over => output.extend_from_slice(line),
            }
        }
    }

    /// Reports whether all that is still to come passes as it is.
    pub(crate) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Reports whether a head is coming in that is longer than [`PLAIN_HEAD`].
    pub(crate) fn is_in_long_head(&self) -> bool {
        self.place != Place::Over && self.length > PLAIN_HEAD
    }

    /// Returns the query that was taken out last.
    pub(crate) fn take_query(&mut self) -> Option<TakenQuery> {
        self.taken.take()
    }

    fn request_line(&mut self, line: &[u8], ended: bool, output: &mut Vec<u8>) {
        self.held.extend_from_slice(line);
        let mut start = self.held.iter().zip(METHOD);
        if start.any(|(held, method)| held != method) {
            output.extend_from_slice(&self.held);
            self.held.truncate(NAME_BYTES);
            self.place = Place::LastHead;
            self.header_line(&[], ended);
        } else if self.held.len() > PLAIN_HEAD + MAX_QUERY {
            self.held = Vec::new();
            self.place = Place::EndlessLine;
            if ended {
                self.refuse(output);
            }
        } else if ended {
            let line = std::mem::take(&mut self.held);
            self.finish_line(&line, output);
        }
    }

    fn finish_line(&mut self, line: &[u8], output: &mut Vec<u8>) {
        self.place = Place::Headers;
        if line.len() <= PLAIN_HEAD {
            output.extend_from_slice(line);
            return;
        }
        self.count = self.count.wrapping_add(1);
        match shorten(line, self.count) {
            None => self.refuse(output),
            Some((short, taken)) => {
                output.extend_from_slice(short.as_bytes());
                self.taken = Some(taken);
            }
        }
    }

    /// Gives HTTP a target to refuse in place of the client's.
    fn refuse(&mut self, output: &mut Vec<u8>) {
        self.place = Place::Headers;
        output.extend_from_slice(METHOD);
        output.resize(output.len() + REFUSED_TARGET, b'/');
        output.extend_from_slice(b" HTTP/1.1\r\n");
    }

    fn header_line(&mut self, line: &[u8], ended: bool) {
        let room = NAME_BYTES.saturating_sub(self.held.len());
        self.held.extend(line.iter().take(room));
        if !ended {
            return;
        }
        let is_end = matches!(self.held.as_slice(), b"\n" | b"\r\n");
        match (self.place, is_end) {
            (Place::LastHead, true) => self.place = Place::Over,
            (_, true) => {
                self.place = Place::RequestLine;
                self.length = 0;
            }
            (_, false) if self.held_is_of_last_head() => self.place = Place::LastHead,
            (_, false) => {}
        }
        self.held.clear();
    }

    fn held_is_of_last_head(&self) -> bool {
        let name = self.held.to_ascii_lowercase();
        LAST_HEADS.iter().any(|last| name.starts_with(last))
    }
}

/// Takes the query out of a line. `None` where there is none, or where it is too long.
fn shorten(line: &[u8], number: u32) -> Option<(String, TakenQuery)> {
    let line = str::from_utf8(line).ok()?;
    let (start, version) = line.rsplit_once(' ')?;
    let (path, query) = start.split_once('?')?;
    if query.len() > MAX_QUERY {
        return None;
    }
    let mark = format!("~{number}");
    let short = format!("{path}?{mark} {version}");
    let query = query.to_owned();
    Some((short, TakenQuery { mark, query }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = " HTTP/1.1\r\nHost: x\r\n\r\n";
    const PLAIN: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// Pushes parts and returns all that HTTP would read.
    fn read(watch: &mut HeadWatch, parts: &[&[u8]]) -> String {
        let mut output = Vec::new();
        for part in parts {
            watch.push(part, &mut output);
        }
        String::from_utf8(output).unwrap()
    }

    fn query(length: usize) -> String {
        let mut query = "join_request=".to_owned();
        query.extend(std::iter::repeat_n('A', length - query.len()));
        query
    }

    fn head(query: &str) -> String {
        format!("GET /rtc/v1?{query}{END}")
    }

    #[test]
    fn a_line_of_usual_length_passes_as_it_is() {
        let head = head(&query(50_000));
        let mut watch = HeadWatch::default();
        assert_eq!(read(&mut watch, &[head.as_bytes()]), head);
        assert_eq!(watch.take_query(), None);
    }

    #[test]
    fn the_query_of_a_long_line_is_taken_out_and_marked() {
        let query = query(MAX_QUERY);
        let mut watch = HeadWatch::default();
        let read = read(&mut watch, &[head(&query).as_bytes()]);
        assert_eq!(read, head("~1"));
        let taken = watch.take_query().unwrap();
        assert_eq!(taken.query, query);
        assert!(taken.is_of("~1"));
        assert!(!taken.is_of("~10"));
    }

    #[test]
    fn any_cut_of_the_stream_gives_the_same() {
        let stream = format!("{PLAIN}{}{PLAIN}", head(&query(PLAIN_HEAD)));
        let mut whole = HeadWatch::default();
        let expected = read(&mut whole, &[stream.as_bytes()]);
        let taken = whole.take_query();
        assert!(taken.is_some());
        let around_query = (0..80).chain(stream.len() - 80..stream.len());
        for cut in around_query {
            let (one, two) = stream.as_bytes().split_at(cut);
            let mut watch = HeadWatch::default();
            assert_eq!(read(&mut watch, &[one, two]), expected, "cut at {cut}");
            assert_eq!(watch.take_query(), taken, "cut at {cut}");
        }
        let mut watch = HeadWatch::default();
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(read(&mut watch, &bytes), expected);
        assert_eq!(watch.take_query(), taken);
    }

    #[test]
    fn a_long_path_and_a_query_beyond_the_limit_are_left_to_be_refused() {
        let long_path = format!("GET /{}{END}", "a".repeat(PLAIN_HEAD));
        for head in [long_path, head(&query(MAX_QUERY + 1))] {
            let mut watch = HeadWatch::default();
            let read = read(&mut watch, &[head.as_bytes()]);
            assert!(read.starts_with("GET ///"));
            assert!(read.find(END).unwrap() > 65_534);
            assert_eq!(watch.take_query(), None);
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut watch = HeadWatch::default();
        let mut output = Vec::new();
        watch.push(b"GET /rtc/v1?join_request=", &mut output);
        for _ in 0..300 {
            watch.push(&[b'A'; 16 << 10], &mut output);
            assert!(watch.held.len() <= PLAIN_HEAD + MAX_QUERY + (16 << 10));
        }
        assert!(output.is_empty() && watch.held.is_empty());
        watch.push(END.as_bytes(), &mut output);
        assert!(output.len() > 65_534);
    }

    #[test]
    fn every_head_of_a_connection_is_watched_while_none_has_a_body() {
        let mut watch = HeadWatch::default();
        read(&mut watch, &[PLAIN.as_bytes()]);
        let read = read(&mut watch, &[head(&query(PLAIN_HEAD)).as_bytes()]);
        assert_eq!(read, head("~1"));
    }

    #[test]
    fn nothing_is_touched_behind_a_body_or_an_upgrade() {
        let heads = [
            "POST /twirp/x HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /rtc HTTP/1.1\r\nUPGRADE: websocket\r\nHost: x\r\n\r\n",
        ];
        for last in heads {
            let stream = format!("{last}{}", head(&query(PLAIN_HEAD)));
            for parts in [
                vec![stream.as_bytes()],
                stream.as_bytes().chunks(1).collect(),
            ] {
                let mut watch = HeadWatch::default();
                assert_eq!(read(&mut watch, &parts), stream);
                assert!(watch.is_over(), "{last}");
            }
        }
    }

    #[test]
    fn what_is_no_http_passes_at_once() {
        let mut watch = HeadWatch::default();
        let hello = "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}";
        assert_eq!(read(&mut watch, &[hello.as_bytes()]), hello);
    }

    #[test]
    fn a_head_is_long_from_its_limit_to_its_end() {
        for line in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n"] {
            let mut watch = HeadWatch::default();
            let header = format!("authorization: {}", "a".repeat(PLAIN_HEAD));
            read(&mut watch, &[line.as_bytes()]);
            assert!(!watch.is_in_long_head());
            read(&mut watch, &[header.as_bytes()]);
            assert!(watch.is_in_long_head());
            read(&mut watch, &[b"\r\n\r\n"]);
            assert!(!watch.is_in_long_head());
        }
    }
}
