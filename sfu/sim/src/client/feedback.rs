//! RTCP of a client, by `rtc-rtcp`: what it makes of the server's, and what it sends.

use rtc_rtcp::Packet;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::{marshal, unmarshal};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription};
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use sfu_model::{Bitrate, Now, Ssrc};
use sfu_rtp::SeqNo;

use super::Client;
use crate::Trace;
use crate::media::{Publisher, Receiver};

impl Client {
    pub(super) fn handle_rtcp(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let Ok(compound) = srtp.open.decrypt_rtcp(datagram) else {
            self.fault("feedback that does not authenticate");
            return;
        };
        let Ok(packets) = unmarshal(&mut &compound[..]) else {
            self.fault("feedback that does not parse");
            return;
        };
        for packet in packets {
            if let Err(fault) = self.handle_feedback(now, packet.as_ref(), trace) {
                self.fault(fault);
            }
        }
    }

    /// Takes a packet, and says what is wrong with it.
    fn handle_feedback(
        &mut self,
        now: Now,
        packet: &dyn Packet,
        trace: &mut Trace,
    ) -> Result<(), &'static str> {
        let packet = packet.as_any();
        if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
            self.handle_nack(now, nack, trace);
        } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            let what = format!("is asked for a key frame of {}", pli.media_ssrc);
            trace.note(now.mono, &self.name, what);
            if let Some(publisher) = self.publisher(Ssrc(pli.media_ssrc)) {
                publisher.handle_key_frame_request();
            }
        } else if let Some(report) = packet.downcast_ref::<SenderReport>() {
            let receiver = self.receiver(Ssrc(report.ssrc));
            let receiver = receiver.ok_or("a report of media that nobody subscribed to")?;
            receiver.handle_sender_report(now.mono, report.ntp_time);
            self.check_reports(&report.reports)?;
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            self.check_reports(&report.reports)?;
        } else if let Some(description) = packet.downcast_ref::<SourceDescription>() {
            check_names(description)?;
        } else if let Some(feedback) = packet.downcast_ref::<TransportLayerCc>() {
            self.check_arrivals(feedback)?;
        } else if !packet.is::<Goodbye>() {
            return Err("feedback of no kind that a server sends");
        }
        Ok(())
    }

    fn handle_nack(&mut self, now: Now, nack: &TransportLayerNack, trace: &mut Trace) {
        let lost: Vec<u16> = nack.nacks.iter().copied().flatten().collect();
        let what = format!("is asked for {} packets of {}", lost.len(), nack.media_ssrc);
        trace.note(now.mono, &self.name, what);
        let media = Ssrc(nack.media_ssrc);
        let mut publishers = self.publishers.iter_mut();
        let Some(publisher) = publishers.find(|publisher| publisher.ssrc() == media) else {
            return;
        };
        for lost in lost {
            publisher.handle_nack(now, SeqNo(lost), &mut self.media);
        }
    }

    /// Checks that what the server reports of is what we send.
    fn check_reports(&self, reports: &[ReceptionReport]) -> Result<(), &'static str> {
        let is_ours = |report: &ReceptionReport| {
            let mut publishers = self.publishers.iter();
            publishers.any(|publisher| publisher.owns(Ssrc(report.ssrc)))
        };
        match reports.iter().all(is_ours) {
            true => Ok(()),
            false => Err("a report on media that was not published"),
        }
    }

    /// Checks that what the server says arrived was sent.
    fn check_arrivals(&self, feedback: &TransportLayerCc) -> Result<(), &'static str> {
        let base = SeqNo(feedback.base_sequence_number);
        let end = base.plus(feedback.packet_status_count);
        match end.is_newer_than(self.media.transport_cc) || feedback.recv_deltas.is_empty() {
            true => Err("word of packets that were not sent"),
            false => Ok(()),
        }
    }

    fn publisher(&mut self, ssrc: Ssrc) -> Option<&mut Publisher> {
        let mut publishers = self.publishers.iter_mut();
        publishers.find(|publisher| publisher.ssrc() == ssrc)
    }

    fn receiver(&mut self, ssrc: Ssrc) -> Option<&mut Receiver> {
        let mut receivers = self.receivers.iter_mut();
        receivers.find(|receiver| receiver.owns(ssrc))
    }

    /// Asks for no more than `bitrate` of everything that it receives (REMB).
    pub fn ask_for_at_most(&mut self, bitrate: Bitrate) {
        let ssrcs = self.receivers.iter().map(|receiver| receiver.ssrc().0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "the field has 18 bits of precision"
        )]
        let bitrate = bitrate.0 as f32;
        self.send_rtcp(&[Box::new(ReceiverEstimatedMaximumBitrate {
            sender_ssrc: 1,
            bitrate,
            ssrcs: ssrcs.collect(),
        })]);
    }

    /// Seals a compound packet and sends it, if it has anything in it.
    pub(super) fn send_rtcp(&mut self, compound: &[Box<dyn Packet>]) {
        let Some(srtp) = self.srtp.as_mut().filter(|_| !compound.is_empty()) else {
            return;
        };
        let plain = marshal(compound).expect("feedback of our own can be written");
        let sealed = srtp.seal.encrypt_rtcp(&plain);
        let sealed = sealed.expect("feedback of our own can be sealed");
        self.datagrams.push_back(sealed.to_vec());
    }
}

/// Checks that each source has its name (RFC 3550 section 6.5.1).
fn check_names(description: &SourceDescription) -> Result<(), &'static str> {
    let named = description.chunks.iter().all(|chunk| {
        let mut items = chunk.items.iter();
        items.any(|item| item.sdes_type == SdesType::SdesCname && !item.text.is_empty())
    });
    match named {
        true => Ok(()),
        false => Err("a source without a name"),
    }
}
