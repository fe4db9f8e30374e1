//! Twirp's wire: a POST with a protobuf or JSON body, answered in the same form.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signaling_protocol::{decode_json, decode_protobuf};

use crate::error::{Code, TwirpError};
use crate::json_form::{JsonForm, to_json};

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Protobuf,
    Json,
}

impl Form {
    /// Reads the form from `Content-Type`; parameters after `;` do not matter.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, TwirpError> {
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media_type = value.split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "application/protobuf" => Ok(Self::Protobuf),
            "application/json" => Ok(Self::Json),
            _ => Err(TwirpError::new(
                Code::BadRoute,
                format!("unexpected Content-Type: {value:?}"),
            )),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/protobuf",
            Self::Json => "application/json",
        }
    }
}

/// One call as it came in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) form: Form,
    pub(crate) body: Bytes,
}

impl Call {
    /// Decodes the request.
    pub(crate) fn request<M>(&self) -> Result<M, TwirpError>
    where
        M: Message + Default + DeserializeOwned,
    {
        let malformed = |reason: String| {
            let msg = format!("the body cannot be decoded: {reason}");
            TwirpError::new(Code::Malformed, msg)
        };
        match self.form {
            Form::Protobuf => decode_protobuf(&self.body).map_err(|e| malformed(e.to_string())),
            Form::Json => decode_json(&self.body).map_err(|e| malformed(e.to_string())),
        }
    }

    /// Encodes the reply.
    pub(crate) fn reply<M>(&self, message: &M) -> Result<Response, TwirpError>
    where
        M: Message + Serialize + JsonForm,
    {
        let body = match self.form {
            Form::Protobuf => message.encode_to_vec(),
            Form::Json => to_json(message)
                .map_err(|error| TwirpError::new(Code::Internal, error.to_string()))?,
        };
        let headers = [(header::CONTENT_TYPE, self.form.content_type())];
        Ok((headers, body).into_response())
    }
}
