//! Who is asking: bearer tokens (JWT, EdDSA) and what each role may call.

pub mod keys;
pub mod table;

use std::sync::Arc;

use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::{OrganisationId, Subject};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use self::keys::TokenKey;

/// Who the tokens are from and for.
const ISSUER: &str = "huzhu";
/// How many verified tokens are remembered.
const VERIFIED_MAX: usize = 10_000;
/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;
/// The longest that a token may hold.
const DAYS_MAX: i64 = 366;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Subject,
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organisation: Option<OrganisationId>,
    iat: i64,
    exp: i64,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none, or it is not a bearer token.
    #[error("a bearer token is needed: authorization: Bearer …")]
    Missing,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Another key signed it, or it is no token of this service.
    #[error("the token is not valid")]
    Invalid,
}

/// Why a token is not issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A handler acts for one organisation.
    #[error("a token of a handler needs an organisation")]
    OrganisationMissing,
    /// A token holds for a while, not for ever.
    #[error("a token holds for 1 to {DAYS_MAX} days, not {0}")]
    Days(i64),
    /// The key does not sign.
    #[error("the token cannot be signed: {0}")]
    Signing(String),
}

/// Issues tokens.
pub struct Issuer {
    key: EncodingKey,
}

impl Issuer {
    /// Signs with `key`.
    ///
    /// # Errors
    ///
    /// [`IssueError::Signing`] when the key is not one.
    pub fn new(key: &TokenKey) -> Result<Self, IssueError> {
        EncodingKey::from_ed_pem(key.private_pem().as_bytes())
            .map(|key| Self { key })
            .map_err(|why| IssueError::Signing(why.to_string()))
    }

    /// A token for `actor` that holds `days` from `now` on.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn issue(&self, actor: &Actor, now: Timestamp, days: i64) -> Result<String, IssueError> {
        if actor.role == Role::Handler && actor.organisation.is_none() {
            return Err(IssueError::OrganisationMissing);
        }
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(IssueError::Days(days));
        }
        let until = now
            .checked_add(SignedDuration::from_hours(days.saturating_mul(24)))
            .map_err(|why| IssueError::Signing(why.to_string()))?;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: actor.subject.clone(),
            role: actor.role,
            organisation: actor.organisation.clone(),
            iat: now.as_second(),
            exp: until.as_second(),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
            .map_err(|why| IssueError::Signing(why.to_string()))
    }
}

/// Verifies tokens, and remembers those that hold: a signature costs more than a command.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    verified: Cache<String, Verified>,
}

#[derive(Clone)]
struct Verified {
    actor: Arc<Actor>,
    until: i64,
}

impl Verifier {
    /// Accepts what `key` signed.
    #[must_use]
    pub fn new(key: &TokenKey) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Against the service's own clock, below.
        validation.validate_exp = false;
        Self {
            key: DecodingKey::from_ed_der(&key.public_bytes()),
            validation,
            verified: Cache::new(VERIFIED_MAX),
        }
    }

    /// Who the value of an `authorization` header stands for.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn verify(&self, header: Option<&str>, now: Timestamp) -> Result<Arc<Actor>, TokenError> {
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(TokenError::Missing)?;
        self.verify_token(token, now)
    }

    /// Who a token stands for.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn verify_token(&self, token: &str, now: Timestamp) -> Result<Arc<Actor>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
        let verified = match self.verified.get(token) {
            Some(verified) => verified,
            None => {
                let verified = self.check(token)?;
                self.verified.insert(token.to_owned(), verified.clone());
                verified
            }
        };
        if verified.until <= now.as_second() {
            return Err(TokenError::Expired);
        }
        Ok(verified.actor)
    }

    fn check(&self, token: &str) -> Result<Verified, TokenError> {
        let claims = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if claims.role == Role::Handler && claims.organisation.is_none() {
            return Err(TokenError::Invalid);
        }
        let Claims { sub: subject, role, organisation, exp: until, .. } = claims;
        Ok(Verified { actor: Arc::new(Actor { subject, role, organisation }), until })
    }
}

#[cfg(test)]
mod tests;
