//! What stands before most servers: a proxy that speaks TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A TLS terminator. Dropping it ends it.
pub(crate) struct Terminator {
    _runtime: Runtime,
    /// Where it listens.
    pub(crate) port: u16,
    /// Certificate of the authority that issued its own, which is for `localhost` and 127.0.0.1.
    pub(crate) authority: String,
}

impl Terminator {
    /// Starts one before what listens at `behind`.
    pub(crate) fn start(behind: SocketAddr) -> Self {
        let (config, authority) = certificate();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = Runtime::new().expect("a runtime starts");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whose handshake fails has gone.
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self {
            _runtime: runtime,
            port,
            authority,
        }
    }
}

/// Makes a certificate, and an authority that issues it.
fn certificate() -> (ServerConfig, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key is made");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority is made");

    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let params = CertificateParams::new(names).expect("these are names");
    let key = KeyPair::generate().expect("a key is made");
    let issued = params
        .signed_by(&key, &authority)
        .expect("a certificate is issued");
    let chain = vec![CertificateDer::from(issued)];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("the key is in PKCS#8");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("there is a protocol")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("key and certificate belong together");
    (config, authority.pem())
}
