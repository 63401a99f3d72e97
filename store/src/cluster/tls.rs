//! Why a node that can be reached cannot be spoken with.
//!
//! The client library says that it could not connect, and no more. Whoever sets a service up has to
//! be told which certificate is wrong, so one is asked for once more, the plain way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::Address;

/// How long a node may take for each step.
const STEP: Duration = Duration::from_secs(2);

/// What is wrong with TLS at the first node that takes connections; nothing if that cannot be told.
pub(super) async fn trouble(address: &Address) -> Option<String> {
    if !address.verifies() {
        return None;
    }
    let connector = match configured(address) {
        Ok(config) => TlsConnector::from(Arc::new(config)),
        Err(why) => return Some(why.to_string()),
    };
    for (host, port) in &address.nodes {
        let connected = timeout(STEP, TcpStream::connect((host.as_str(), *port))).await;
        if let Ok(Ok(stream)) = connected {
            let why = greet(&connector, host, stream).await.err()?;
            return Some(format!("{host}:{port} takes connections, but TLS fails: {why}"));
        }
    }
    None
}

/// Why the certificates that the address names cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("tlsCaFile, userCertFile or userKeyFile: {0}")]
    File(#[from] pem::Error),
    #[error("tlsCaFile, userCertFile or userKeyFile: {0}")]
    Certificate(#[from] rustls::Error),
}

fn configured(address: &Address) -> Result<ClientConfig, Unusable> {
    let mut roots = RootCertStore::empty();
    match address.setting("tlsCaFile") {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let own = (address.setting("userCertFile"), address.setting("userKeyFile"));
    let mut config = match own {
        (Some(certificate), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// A node greets first. One that refuses our certificate says so instead.
async fn greet(connector: &TlsConnector, host: &str, stream: TcpStream) -> io::Result<()> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let silent = |_| io::Error::other("the node says nothing");
    let mut stream = timeout(STEP, connector.connect(name, stream)).await.map_err(silent)??;
    // A node that waits for more than a connection is one that took ours.
    timeout(STEP, stream.read_u8()).await.map_or(Ok(()), |read| read.map(drop))
}
