//! What a client has to know where a node is not open to everybody who reaches it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::metadata::MetadataMap;

/// A password, kept as its hash: two hashes are compared, so that the time it takes tells nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; 32]);

impl Password {
    /// The password `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// # Errors
    ///
    /// `UNAUTHENTICATED` unless the call brings it, in `Basic` credentials of any user or as a
    /// bearer token.
    pub(super) fn check(self, metadata: &MetadataMap) -> Result<(), Status> {
        let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let brought = header.and_then(secret).map(|secret| Self::new(&secret));
        if brought == Some(self) {
            Ok(())
        } else {
            Err(Status::unauthenticated("this node needs a password"))
        }
    }
}

/// The secret of an `authorization` header: a bearer token, or the password of `Basic` credentials.
pub(crate) fn secret(header: &str) -> Option<String> {
    let (scheme, given) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(given.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(given.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_asked_for_and_not_the_user() {
        let password = Password::new("互助:1");
        let check = |header: Option<&str>| {
            let mut metadata = MetadataMap::new();
            if let Some(header) = header {
                metadata.insert("authorization", header.parse().unwrap());
            }
            password.check(&metadata).is_ok()
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(check(Some(&basic("admin:互助:1"))));
        assert!(check(Some(&basic(":互助:1"))));
        for wrong in
            [None, Some(""), Some("Basic"), Some("Basic !"), Some("Bearer 互助"), Some("x y")]
        {
            let ascii = wrong.filter(|wrong| wrong.is_ascii());
            assert!(!check(ascii), "{wrong:?}");
        }
        assert!(!check(Some(&basic("admin:互助"))));
        assert!(!check(Some(&basic("互助:1"))), "a user without a password");
    }
}
