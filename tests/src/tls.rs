//! TLS before a node, as a cluster has it: an authority, certificates, and who ends the TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::between::pass_on;

/// Who signs certificates. Its own is a file, as are those of clients.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    /// A new one, whom nobody knows.
    #[must_use]
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap());
        let authority = Self { issuer: issuer.unwrap(), folder: tempfile::tempdir().unwrap() };
        authority.file("ca.pem", &authority.issuer.pem());
        authority
    }

    /// The file with its certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The files with a client's certificate and its key.
    #[must_use]
    pub fn client(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.sign("engine");
        let certificate = self.file("client.pem", &certificate.pem());
        (certificate, self.file("client.key", &key.serialize_pem()))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes TLS connections for a node.
pub struct Terminator {
    address: SocketAddr,
    proven: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Terminator {
    /// Before `node`, under the name `name`; clients have to prove who they are to whoever is in
    /// `clients`.
    pub async fn before(
        node: SocketAddr,
        authority: &Authority,
        name: &str,
        clients: Option<&Authority>,
    ) -> Self {
        let (certificate, key) = authority.sign(name);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            Some(clients) => {
                let roots = Arc::new(clients.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => config.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];

        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proven = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&proven);
        let task = tokio::spawn(async move {
            // They end with the task.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                connections.spawn(async move {
                    let Ok(near) = acceptor.accept(stream).await else { return };
                    if near.get_ref().1.peer_certificates().is_some() {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    pass_on(near, node).await;
                });
            }
        });
        Self { address, proven, task }
    }

    /// Where it takes connections.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many clients proved who they are.
    #[must_use]
    pub fn proven(&self) -> usize {
        self.proven.load(Ordering::SeqCst)
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A file as the value of a setting.
#[must_use]
pub fn named(setting: &str, file: &Path) -> String {
    format!("{setting}={}", file.display())
}
