use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

/// Why no certificate could be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error(
        "this machine has no root certificates: install them (the package ca-certificates), or name the server's authority with --ca-file"
    )]
    NoRoots,
    #[error("--ca-file {path}: {error}; expected certificates in PEM, -----BEGIN CERTIFICATE-----", path = path.display())]
    CaFile { path: PathBuf, error: PemError },
    #[error("--ca-file {path}: no certificate in it, -----BEGIN CERTIFICATE-----", path = path.display())]
    NoCertificate { path: PathBuf },
    #[error("TLS: {0}")]
    Tls(#[from] Error),
}

/// Returns a client that trusts the machine's authorities and those of `ca_file`.
///
/// It resumes no session of TLS: each participant is a machine of its own, whose join costs the server a whole handshake.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, TrustError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        for certificate in read(path)? {
            roots.add(certificate)?;
        }
    }
    // What the machine has and cannot be read is as good as not there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TrustError::NoRoots);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let failed = |error| TrustError::CaFile {
        path: path.to_owned(),
        error,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(failed)?;
    match certificates.is_empty() {
        true => Err(TrustError::NoCertificate {
            path: path.to_owned(),
        }),
        false => Ok(certificates),
    }
}

/// Says why a handshake failed, and what to do about it.
pub(super) fn explain(error: &std::io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(Error::InvalidCertificate(error)) => explain_certificate(error),
        Some(Error::InvalidMessage(_)) => {
            "it does not speak TLS there; without TLS the URL begins with ws://".to_owned()
        }
        _ => error.to_string(),
    }
}

fn explain_certificate(error: &CertificateError) -> String {
    let certificate = "the server's certificate is not trusted";
    // An authority that was made anew has the name of the one before it, and another key.
    let unknown = [
        CertificateError::UnknownIssuer,
        CertificateError::BadSignature,
    ];
    if unknown.contains(error) {
        return format!(
            "{certificate}: this machine does not know who issued it; name a private authority with --ca-file PEM"
        );
    }
    // The library's words name the server, and the time.
    let words = error.to_string();
    match words.contains("CaUsedAsEndEntity") {
        true => format!(
            "{certificate}: it is that of an authority, which may only issue others; have it issue one for the server"
        ),
        false => format!("{certificate}: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_certificates_is_refused_by_name() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let error = connector(Some(path)).err().unwrap().to_string();
        assert!(error.contains("Cargo.toml: no certificate"), "{error}");
        let error = connector(Some(Path::new("/nowhere.pem"))).err().unwrap();
        assert!(error.to_string().contains("/nowhere.pem"), "{error}");
    }
}
