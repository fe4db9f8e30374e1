use sfu_model::{Now, Ssrc};
use sfu_rtp::rtcp::{Compound, Packet};
use sfu_rtp::{RtpHeader, SeqNo};

use super::dtls::DtlsEvent;
use super::ice::Checked;
use super::{Client, Phase};
use crate::Trace;
use crate::media::Publisher;

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
            Some(receiver) => receiver.handle(now.mono, &mut packet),
            None => self.fault("media that nobody subscribed to"),
        }
    }

    pub(super) fn handle_rtcp(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let Ok(compound) = srtp.open.decrypt_rtcp(datagram) else {
            self.fault("feedback that does not authenticate");
            return;
        };
        for packet in Compound::new(&compound) {
            let Ok(packet) = packet else {
                self.fault("feedback that does not parse");
                return;
            };
            self.handle_feedback(now, &packet, trace);
        }
    }

    fn handle_feedback(&mut self, now: Now, packet: &Packet<'_>, trace: &mut Trace) {
        match packet {
            Packet::Nack { media, pairs } => {
                let lost: Vec<SeqNo> = pairs.flat_map(|pair| pair.lost()).collect();
                let what = format!("is asked for {} packets of {}", lost.len(), media.0);
                trace.note(now.mono, &self.name, what);
                let Some(publisher) = find(&mut self.publishers, *media) else {
                    return;
                };
                for lost in lost {
                    publisher.handle_nack(now, lost, &mut self.media);
                }
            }
            Packet::PictureLossIndication { media } => {
                let what = format!("is asked for a key frame of {}", media.0);
                trace.note(now.mono, &self.name, what);
                if let Some(publisher) = find(&mut self.publishers, *media) {
                    publisher.handle_key_frame_request();
                }
            }
            Packet::SenderReport { .. }
            | Packet::ReceiverReport { .. }
            | Packet::SourceDescription(_)
            | Packet::Goodbye(_)
            | Packet::TransportFeedback(_)
            | Packet::FullIntraRequest(_)
            | Packet::Remb(_)
            | Packet::Other { .. } => {}
        }
    }
}

fn find(publishers: &mut [Publisher], ssrc: Ssrc) -> Option<&mut Publisher> {
    let mut publishers = publishers.iter_mut();
    publishers.find(|publisher| publisher.ssrc() == ssrc)
}
