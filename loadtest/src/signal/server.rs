use std::path::Path;

use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::http::Uri;

use super::tls::{TrustError, connector};

/// Where a server is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Server {
    /// A name or an address, the latter without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as they were written.
    authority: String,
    /// What comes before `/rtc`.
    path: String,
    /// By which certificates are checked, where TLS is spoken.
    pub(super) tls: Option<TlsConnector>,
}

/// Why a server's URL is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("{0}: expected a URL such as wss://host or ws://host:7880")]
    Url(String),
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Whether TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Plain,
    Secure,
}

impl Server {
    /// Reads `wss://host:port/path`, or the same with `ws`, `https` or `http`. The authorities of `ca_file` are trusted as
    /// those of the machine are.
    pub(crate) fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, ServerError> {
        let (scheme, server) = Self::read(url).ok_or_else(|| ServerError::Url(url.to_owned()))?;
        let tls = match scheme {
            Scheme::Plain => None,
            Scheme::Secure => Some(connector(ca_file)?),
        };
        Ok(Self { tls, ..server })
    }

    fn read(url: &str) -> Option<(Scheme, Self)> {
        let uri: Uri = url.trim().parse().ok()?;
        let (scheme, default_port) = match uri.scheme_str()? {
            "ws" | "http" => (Scheme::Plain, 80),
            "wss" | "https" => (Scheme::Secure, 443),
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host();
        let strange = host.is_empty() || authority.as_str().contains('@') || uri.query().is_some();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let port = match authority.as_str().strip_prefix(host)? {
            "" => default_port,
            rest => rest.strip_prefix(':')?.parse().ok()?,
        };
        let server = Self {
            host: bare.unwrap_or(host).to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
            tls: None,
        };
        (!strange).then_some((scheme, server))
    }

    /// Returns the host, and the port if it was given.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the URL of an `endpoint`, which begins with a slash.
    pub(super) fn url(&self, endpoint: &str) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}{}{endpoint}", self.authority, self.path)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host, port and path out of a URL.
    fn read(url: &str) -> Option<(Scheme, String, u16, String)> {
        let (scheme, server) = Server::read(url)?;
        Some((scheme, server.host, server.port, server.path))
    }

    #[test]
    fn a_url_is_read_with_and_without_a_port_and_a_path() {
        let found = |scheme, host: &str, port, path: &str| {
            Some((scheme, host.to_owned(), port, path.to_owned()))
        };
        for (url, expected) in [
            (
                "ws://127.0.0.1:7880",
                found(Scheme::Plain, "127.0.0.1", 7_880, ""),
            ),
            (
                "http://example.org/live/",
                found(Scheme::Plain, "example.org", 80, "/live"),
            ),
            (
                "wss://example.org",
                found(Scheme::Secure, "example.org", 443, ""),
            ),
            (
                "https://[2001:db8::1]:7443/",
                found(Scheme::Secure, "2001:db8::1", 7_443, ""),
            ),
            ("ws://[::1]", found(Scheme::Plain, "::1", 80, "")),
        ] {
            assert_eq!(read(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_an_example() {
        for url in [
            "",
            "example.org",
            "example.org:7880",
            "ftp://example.org",
            "ws://",
            "ws://:7880",
            "ws://example.org:seven",
            "ws://example.org:70000",
            "ws://key:secret@example.org",
            "ws://example.org/?room=a",
        ] {
            let error = Server::parse(url, None).unwrap_err().to_string();
            assert!(error.contains("wss://host"), "{url}: {error}");
        }
    }

    #[test]
    fn an_endpoint_is_below_the_path_and_keeps_the_port_as_written() {
        let server = Server::parse("http://example.org/live", None).unwrap();
        assert_eq!(server.url("/rtc"), "ws://example.org/live/rtc");
    }
}
