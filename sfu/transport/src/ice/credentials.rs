use aws_lc_rs::hmac;
use sfu_model::IceCredentials;

use super::message::{BindingRequest, INTEGRITY_LEN};

/// Our credentials of one ICE generation, with the peer's ufrags that are right for them.
#[derive(Debug)]
pub(super) struct Generation {
    local: IceCredentials,
    remote: Option<String>,
    /// The peer's ufrag before it restarted, while we keep our credentials.
    earlier_remote: Option<String>,
}

impl Generation {
    pub(super) fn new(local: IceCredentials) -> Self {
        Self {
            local,
            remote: None,
            earlier_remote: None,
        }
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.local.ufrag
    }

    pub(super) fn set_remote(&mut self, ufrag: String) {
        if self.remote.as_ref() != Some(&ufrag) {
            self.earlier_remote = self.remote.replace(ufrag);
        }
    }

    /// Tells whether USERNAME is ours and the peer's. Any peer's ufrag will do until its description came:
    /// checks overtake signalling.
    pub(super) fn matches(&self, request: &BindingRequest<'_>) -> bool {
        let expected = [&self.remote, &self.earlier_remote];
        request.local_ufrag == self.local.ufrag
            && (self.remote.is_none()
                || expected
                    .into_iter()
                    .flatten()
                    .any(|ufrag| ufrag == request.remote_ufrag))
    }

    /// Checks MESSAGE-INTEGRITY by our password (RFC 8489 section 9.1.3), in constant time.
    pub(super) fn authenticates(&self, request: &BindingRequest<'_>) -> bool {
        let (header, attributes) = request.authenticated();
        let mut context = hmac::Context::with_key(&self.key());
        context.update(&header);
        context.update(attributes);
        let expected = context.sign();
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), request.integrity())
            .is_ok()
    }

    /// Returns MESSAGE-INTEGRITY of a reply: by our password too (RFC 8445 section 7.2.2).
    pub(super) fn sign(&self, message: &[u8]) -> Option<[u8; INTEGRITY_LEN]> {
        hmac::sign(&self.key(), message).as_ref().try_into().ok()
    }

    /// RFC 8489 section 9.1.1: the key of short-term credentials is the password.
    fn key(&self) -> hmac::Key {
        hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            self.local.pwd.as_bytes(),
        )
    }
}
