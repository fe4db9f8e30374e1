use sfu_model::Now;
use sfu_rtp::RtpHeader;

use super::dtls::DtlsEvent;
use super::ice::Checked;
use super::{Client, Phase};
use crate::Trace;

/// What a client makes of the server's datagrams.
impl Client {
    pub(super) fn handle_stun(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        let Some(ice) = &mut self.ice else {
            self.fault("a reply without a check");
            return;
        };
        if let Some(answer) = ice.answer(datagram) {
            self.datagrams.push_back(answer);
            return;
        }
        match ice.handle(now.mono, datagram) {
            // A second copy of a reply is to no check any more.
            Checked::Refused => {}
            Checked::Valid(mapped) => {
                if self.mapped.replace(mapped) != Some(mapped) {
                    trace.note(now.mono, &self.name, format!("is seen at {mapped}"));
                }
                if self.phase == Phase::Checking {
                    self.phase = Phase::Handshaking;
                    self.dtls.connect(now.mono);
                }
            }
        }
    }

    pub(super) fn handle_dtls(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        for event in self.dtls.handle(now.mono, datagram) {
            match event {
                DtlsEvent::Connected => {
                    trace.note(now.mono, &self.name, "is connected");
                    self.phase = Phase::Connected;
                    self.srtp = self.dtls.srtp();
                    self.data.connect(now.mono);
                }
                DtlsEvent::Data(packet) => {
                    let before = self.data.inbox.len();
                    self.data.handle(now.mono, &packet);
                    for (channel, message) in self.data.inbox.iter().skip(before) {
                        let what = format!("gets {} bytes by {channel:?}", message.len());
                        trace.note(now.mono, &self.name, what);
                    }
                }
                DtlsEvent::Closed => {
                    trace.note(now.mono, &self.name, "is closed");
                    self.phase = Phase::Closed;
                }
            }
        }
    }

    pub(super) fn handle_rtp(&mut self, now: Now, datagram: &[u8]) {
        // The server is connected first: its media may overtake the end of the handshake.
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let Ok(mut packet) = srtp.open.decrypt_rtp(datagram) else {
            self.fault("media that does not authenticate");
            return;
        };
        let Ok(header) = RtpHeader::parse(&packet) else {
            self.fault("media that does not parse");
            return;
        };
        let mut receivers = self.receivers.iter_mut();
        match receivers.find(|receiver| receiver.owns(header.ssrc)) {
            Some(receiver) => {
                if let Some(seq) = receiver.transport_cc(&header, &packet) {
                    self.arrivals.note(now.mono, seq, header.ssrc);
                }
                receiver.handle(now.mono, &mut packet);
            }
            None => self.fault("media that nobody subscribed to"),
        }
    }
}
