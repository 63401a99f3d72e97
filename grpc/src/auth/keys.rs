//! The secrets of a data folder, made at the first start, readable by their owner only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use hmac::{Hmac, KeyInit, Mac};
use huzhu_domain::id::ResidentKey;
use huzhu_domain::id::checked::ResidentId;
use sha2::Sha256;

const TOKEN_KEY: &str = "token.key";
const RESIDENT_KEY: &str = "resident.key";

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{file}: {why}")]
    File {
        /// Which file.
        file: String,
        /// What the system says.
        why: io::Error,
    },
    /// The file holds something else.
    #[error("{file} does not hold a key")]
    NotAKey {
        /// Which file.
        file: String,
    },
    /// Others than the owner may read it.
    #[error("{file} may be read by others (mode {mode:o}); it must have mode 600")]
    Open {
        /// Which file.
        file: String,
        /// Its mode.
        mode: u32,
    },
    /// The log's residents were hashed with another key: one person could become two members.
    #[error("{file} is not the key that this log was begun with: copy that one here")]
    Other {
        /// Its name in the data folder.
        file: String,
    },
    /// The log's residents were hashed with a key that is not there: all of them would be new people.
    #[error(
        "{file} is missing, and this log was begun with one: copy it here (if it is lost for good, put \
         64 hexadecimal digits there; every person is a new one then)"
    )]
    Missing {
        /// Its name in the data folder.
        file: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// The key that signs tokens (Ed25519).
pub struct TokenKey(SigningKey);

impl TokenKey {
    /// The key of `folder`; made there if there is none.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let text = secret(folder, TOKEN_KEY, || {
            let pem = SigningKey::from_bytes(&random()?).to_pkcs8_pem(LineEnding::LF);
            pem.map(|pem| pem.to_string())
                .map_err(|_| KeyError::NotAKey { file: TOKEN_KEY.to_owned() })
        })?;
        SigningKey::from_pkcs8_pem(&text)
            .map(Self)
            .map_err(|_| KeyError::NotAKey { file: TOKEN_KEY.to_owned() })
    }

    /// A key that lives as long as the process.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`].
    pub fn fresh() -> Result<Self, KeyError> {
        random().map(|bytes| Self(SigningKey::from_bytes(&bytes)))
    }

    pub(super) fn private_pem(&self) -> String {
        self.0.to_pkcs8_pem(LineEnding::LF).map_or_else(|_| String::new(), |pem| pem.to_string())
    }

    pub(super) fn public_bytes(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

/// The key under which resident ids are hashed, so that one person is one member and the log's
/// stream names tell nobody's id.
pub struct ResidentHasher(Vec<u8>);

impl ResidentHasher {
    /// The key of `folder`; made there if there is none.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let text = secret(folder, RESIDENT_KEY, || {
            random().map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        })?;
        let key = text.trim();
        if key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(key.as_bytes().to_vec()))
        } else {
            Err(KeyError::NotAKey { file: RESIDENT_KEY.to_owned() })
        }
    }

    /// Whether `folder` has a key.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(RESIDENT_KEY).exists()
    }

    /// What is said of a log that was begun with a key which is not there.
    #[must_use]
    pub fn missing() -> KeyError {
        KeyError::Missing { file: RESIDENT_KEY.to_owned() }
    }

    /// What is said of a log that was begun with another key.
    #[must_use]
    pub fn other() -> KeyError {
        KeyError::Other { file: RESIDENT_KEY.to_owned() }
    }

    /// What tells this key from others and gives nothing of it away.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.digest("the fingerprint of this key")
    }

    fn digest(&self, text: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The keyed hash of a resident id.
    #[must_use]
    pub fn hash(&self, id: &ResidentId) -> Option<ResidentKey> {
        self.digest(id.reveal())?.parse().ok()
    }
}

fn random() -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|why| KeyError::Random(why.to_string()))?;
    Ok(bytes)
}

/// The text of a secret file; made by `make` if there is none.
fn secret(
    folder: &Path,
    file: &str,
    make: impl FnOnce() -> Result<String, KeyError>,
) -> Result<String, KeyError> {
    let path = folder.join(file);
    let failed = |why| KeyError::File { file: file.to_owned(), why };
    // What stands there besides, members' data above all, is nobody else's either.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    if !path.exists() {
        let text = make()?;
        // Whole or not at all: a key that was cut short would lock everybody out.
        let draft = folder.join(format!("{file}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut written = options.open(&draft).map_err(failed)?;
        written.write_all(text.as_bytes()).map_err(failed)?;
        written.sync_all().map_err(failed)?;
        // Two processes at their first start end up with one key: the first link stays.
        match fs::hard_link(&draft, &path) {
            Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(failed(why)),
            Ok(()) | Err(_) => {}
        }
        fs::remove_file(&draft).map_err(failed)?;
    }
    let mode = fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { file: file.to_owned(), mode });
    }
    fs::read_to_string(&path).map_err(failed)
}
