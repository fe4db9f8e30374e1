//! Descriptions as a small client writes them.

/// What a client's section is for.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) mid: String,
    pub(crate) audio: bool,
    pub(crate) direction: &'static str,
    /// Stream and track of `a=msid`.
    pub(crate) track: Option<String>,
    /// Simulcast encodings, lowest first.
    pub(crate) rids: Vec<&'static str>,
    /// Whether H.264 comes first.
    pub(crate) h264: bool,
    /// Whether redundant audio is known.
    pub(crate) red: bool,
}

impl Section {
    pub(crate) fn receiving(mid: usize, audio: bool) -> Self {
        Self {
            mid: mid.to_string(),
            audio,
            direction: "recvonly",
            track: None,
            rids: Vec::new(),
            h264: false,
            red: true,
        }
    }

    pub(crate) fn sending(mid: usize, audio: bool, track: &str) -> Self {
        Self {
            direction: "sendonly",
            track: Some(track.to_owned()),
            ..Self::receiving(mid, audio)
        }
    }

    fn write(&self, sdp: &mut String, h264: bool) {
        let kind = if self.audio { "audio" } else { "video" };
        let payloads = match (self.audio, h264, self.h264) {
            (true, ..) if self.red => "111 63",
            (true, ..) => "111",
            (false, true, true) => "125 96 97",
            (false, true, false) => "96 97 125",
            (false, false, _) => "96 97",
        };
        sdp.push_str(&format!("m={kind} 9 UDP/TLS/RTP/SAVPF {payloads}\n"));
        sdp.push_str(&format!(
            "c=IN IP4 0.0.0.0\na=mid:{}\na=rtcp-mux\n",
            self.mid
        ));
        sdp.push_str(&format!("a={}\n", self.direction));
        if let Some(track) = &self.track {
            sdp.push_str(&format!("a=msid:stream {track}\n"));
        }
        if self.audio {
            sdp.push_str("a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\n");
            if self.red {
                sdp.push_str("a=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n");
            }
        } else {
            sdp.push_str("a=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n");
            if h264 {
                sdp.push_str("a=rtpmap:125 H264/90000\na=fmtp:125 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n");
            }
        }
        sdp.push_str("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n");
        if !self.rids.is_empty() {
            sdp.push_str("a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n");
            for rid in &self.rids {
                sdp.push_str(&format!("a=rid:{rid} send\n"));
            }
            sdp.push_str(&format!("a=simulcast:send {}\n", self.rids.join(";")));
        }
    }
}

/// The client's side of a transport: its credentials and sections.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pub(crate) ufrag: String,
    pub(crate) sections: Vec<Section>,
    /// Whether the client knows H.264.
    pub(crate) h264: bool,
    /// Which side of DTLS it answers as.
    pub(crate) setup: &'static str,
}

impl Transport {
    pub(crate) fn new(ufrag: &str) -> Self {
        Self {
            ufrag: ufrag.to_owned(),
            sections: Vec::new(),
            h264: true,
            setup: "active",
        }
    }

    fn head(&self, setup: &str, mids: &[&str]) -> String {
        let fingerprint = ["AB"; 32].join(":");
        format!(
            "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\na=ice-ufrag:{}\na=ice-pwd:{}\n\
             a=fingerprint:sha-256 {fingerprint}\na=setup:{setup}\na=group:BUNDLE {}\n",
            self.ufrag,
            "p".repeat(24),
            mids.join(" "),
        )
    }

    /// Writes an offer of all sections and data channels.
    pub(crate) fn offer(&self) -> String {
        let mids = self.sections.iter().map(|section| section.mid.as_str());
        let mids: Vec<&str> = ["data"].into_iter().chain(mids).collect();
        let mut sdp = self.head("actpass", &mids);
        sdp.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n");
        sdp.push_str("c=IN IP4 0.0.0.0\na=mid:data\na=sctp-port:5000\n");
        for section in &self.sections {
            section.write(&mut sdp, self.h264);
        }
        sdp
    }

    /// Adds `count` receiving sections.
    pub(crate) fn add_receiving(&mut self, count: u32, audio: bool) {
        for _ in 0..count {
            let mid = self.sections.len();
            self.sections.push(Section::receiving(mid, audio));
        }
    }

    /// Adds a sending section; returns it.
    pub(crate) fn add_sending(&mut self, audio: bool, track: &str) -> &mut Section {
        let mid = self.sections.len();
        self.sections.push(Section::sending(mid, audio, track));
        self.sections.last_mut().unwrap()
    }

    /// Answers an offer of the server's: accepts what the client knows.
    pub(crate) fn answer(&self, offer: &str) -> String {
        let mids: Vec<&str> = offer
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix("a=mid:"))
            .collect();
        let mut sdp = self.head(self.setup, &mids);
        for section in offer.split("m=").skip(1) {
            let lines: Vec<&str> = section.lines().map(str::trim_end).collect();
            let words: Vec<&str> = lines[0].split(' ').collect();
            let mid = value(&lines, "a=mid:").unwrap();
            if words[0] == "application" {
                sdp.push_str(&format!("m={}\nc=IN IP4 0.0.0.0\na=mid:{mid}\n", lines[0]));
                sdp.push_str("a=sctp-port:5000\n");
                continue;
            }
            let known = |payload: &&&str| {
                let map = value(&lines, &format!("a=rtpmap:{payload} ")).unwrap_or_default();
                self.h264 || !map.starts_with("H264")
            };
            let payloads: Vec<&str> = words[3..].iter().filter(known).copied().collect();
            let direction = match lines.contains(&"a=inactive") {
                true => "inactive",
                false => "recvonly",
            };
            let only_rtx = payloads.iter().all(|payload| {
                value(&lines, &format!("a=rtpmap:{payload} "))
                    .is_some_and(|map| map.starts_with("rtx"))
            });
            let port = if only_rtx { 0 } else { 9 };
            let listed = if only_rtx { &words[3..] } else { &payloads[..] };
            sdp.push_str(&format!(
                "m={} {port} {} {}\n",
                words[0],
                words[2],
                listed.join(" ")
            ));
            sdp.push_str(&format!(
                "c=IN IP4 0.0.0.0\na=mid:{mid}\na={direction}\na=rtcp-mux\n"
            ));
            let lines = lines
                .iter()
                .filter(|line| describes_one_of(line, &payloads));
            sdp.extend(lines.map(|line| format!("{line}\n")));
        }
        sdp
    }
}

/// Reports whether a line maps one of these payload types.
fn describes_one_of(line: &str, payloads: &[&str]) -> bool {
    let mapped = line
        .strip_prefix("a=rtpmap:")
        .or_else(|| line.strip_prefix("a=fmtp:"));
    let payload = mapped.and_then(|mapped| mapped.split(' ').next());
    payload.is_some_and(|payload| payloads.contains(&payload))
}

fn value<'a>(lines: &[&'a str], prefix: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(prefix))
}

/// Lists the tracks that a description of the server's sends: the second word of `a=msid` of every
/// sending section.
pub(crate) fn sent_tracks(sdp: &str) -> Vec<String> {
    let sections = sdp.split("m=").skip(1);
    let sending =
        sections.filter(|section| section.contains("a=sendonly") || section.contains("a=sendrecv"));
    let msid = |section: &str| {
        let lines: Vec<&str> = section.lines().map(str::trim_end).collect();
        let msid = value(&lines, "a=msid:")?;
        Some(msid.split(' ').nth(1)?.to_owned())
    };
    sending.filter_map(msid).collect()
}
