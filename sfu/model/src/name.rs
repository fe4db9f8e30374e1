use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Reports whether the text has no characters, which is how LiveKit's messages say
            /// "not given".
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What an app calls its room.
    RoomName
}
name! {
    /// One life of a room: `RM_` and 12 characters.
    RoomSid
}
name! {
    /// Who a participant is, for the app. It survives reconnects.
    ParticipantIdentity
}
name! {
    /// One session of a participant: `PA_` and 12 characters.
    ParticipantSid
}
name! {
    /// A track of a room: `TR_` and 12 or more characters.
    TrackSid
}
name! {
    /// A node of the cluster: `ND_` and 12 characters.
    NodeId
}
name! {
    /// Names a secret that signs tokens.
    ApiKey
}
