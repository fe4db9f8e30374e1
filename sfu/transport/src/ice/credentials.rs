//! What signs connectivity checks and their answers.

use aws_lc_rs::hmac;
use sfu_model::IceCredentials;

use super::message::{BindingRequest, BindingSuccess, INTEGRITY_LEN, Signed};

/// Our credentials of one ICE generation, with the peer's that are right for them.
#[derive(Debug)]
pub(super) struct Generation {
    local: IceCredentials,
    remote: Option<IceCredentials>,
    /// The peer's before it restarted, while we keep ours.
    earlier_remote: Option<IceCredentials>,
}

/// What our checks of a path are signed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signer {
    /// USERNAME: the peer's ufrag, a colon, ours (RFC 8445 section 7.2.2).
    pub(super) username: String,
    password: String,
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

    pub(super) fn set_remote(&mut self, remote: IceCredentials) {
        if self.remote.as_ref() != Some(&remote) {
            self.earlier_remote = self.remote.replace(remote);
        }
    }

    /// Tells whether USERNAME is ours and the peer's. Any peer's ufrag will do until its description came:
    /// checks overtake signalling.
    pub(super) fn matches(&self, request: &BindingRequest<'_>) -> bool {
        request.local_ufrag == self.local.ufrag
            && (self.remote.is_none() || self.remote_of(request.remote_ufrag).is_some())
    }

    /// Checks MESSAGE-INTEGRITY by our password.
    pub(super) fn authenticates(&self, request: &BindingRequest<'_>) -> bool {
        is_signed_by(&self.local.pwd, &request.signed)
    }

    /// Returns MESSAGE-INTEGRITY of a reply: by our password too (RFC 8445 section 7.2.2).
    pub(super) fn sign(&self, message: &[u8]) -> Option<[u8; INTEGRITY_LEN]> {
        sign(&self.local.pwd, message)
    }

    /// Returns what signs our checks towards the peer when it goes by `ufrag`; none before its description
    /// came.
    pub(super) fn signer(&self, ufrag: &str) -> Option<Signer> {
        self.remote_of(ufrag).map(|remote| self.signer_of(remote))
    }

    /// Returns what signs our checks towards the peer as it goes at last.
    pub(super) fn latest_signer(&self) -> Option<Signer> {
        self.remote.as_ref().map(|remote| self.signer_of(remote))
    }

    fn signer_of(&self, remote: &IceCredentials) -> Signer {
        Signer {
            username: format!("{}:{}", remote.ufrag, self.local.ufrag),
            password: remote.pwd.clone(),
        }
    }

    fn remote_of(&self, ufrag: &str) -> Option<&IceCredentials> {
        let known = [&self.remote, &self.earlier_remote];
        let mut known = known.into_iter().flatten();
        known.find(|remote| remote.ufrag == ufrag)
    }
}

impl Signer {
    /// Returns MESSAGE-INTEGRITY of a check.
    pub(super) fn sign(&self, message: &[u8]) -> Option<[u8; INTEGRITY_LEN]> {
        sign(&self.password, message)
    }

    /// Checks MESSAGE-INTEGRITY of an answer: it is by the password of the check.
    pub(super) fn authenticates(&self, answer: &BindingSuccess<'_>) -> bool {
        is_signed_by(&self.password, &answer.signed)
    }
}

fn sign(password: &str, message: &[u8]) -> Option<[u8; INTEGRITY_LEN]> {
    hmac::sign(&key(password), message).as_ref().try_into().ok()
}

/// Checks MESSAGE-INTEGRITY (RFC 8489 section 9.1.3), in constant time.
fn is_signed_by(password: &str, signed: &Signed<'_>) -> bool {
    let (header, attributes) = signed.authenticated();
    let mut context = hmac::Context::with_key(&key(password));
    context.update(&header);
    context.update(attributes);
    let expected = context.sign();
    aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), signed.integrity).is_ok()
}

/// RFC 8489 section 9.1.1: the key of short-term credentials is the password.
fn key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}
