//! How tools that know only users and passwords get in: the user is the subject, the password the
//! token.

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use huzhu_domain::envelope::Actor;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::auth::table::SQL;
use crate::auth::{TokenError, Verifier};
use crate::clock::Clock;
use crate::status;

/// Some clients fill up what they encode, others, such as Go's, do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest header that is looked at, in bytes.
const HEADER_BYTES_MAX: usize = 8 * 1_024;

/// The token that the headers of a handshake bring, if it holds and its role may use SQL.
pub(super) fn token(
    metadata: &MetadataMap,
    verifier: &Verifier,
    clock: &Clock,
) -> Result<String, Box<Status>> {
    let refused = |error| Box::new(status::unauthenticated(error));
    let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| refused(TokenError::Missing))?;
    let (user, token) = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            (None, token.trim().to_owned())
        }
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let (user, token) = basic(pair).ok_or_else(|| refused(TokenError::Invalid))?;
            (Some(user), token)
        }
        _ => return Err(refused(TokenError::Missing)),
    };
    let bearer = format!("Bearer {token}");
    let actor = verifier.verify(Some(&bearer), clock.now()).map_err(refused)?;
    if user.is_some_and(|user| !is(&actor, &user)) {
        return Err(refused(TokenError::Invalid));
    }
    if !SQL.contains(&actor.role) {
        return Err(Box::new(status::forbidden(actor.role)));
    }
    Ok(token)
}

fn is(actor: &Actor, user: &str) -> bool {
    actor.subject.as_str() == user
}

/// The two parts of a pair: the user has no colon in it.
fn basic(pair: &str) -> Option<(String, String)> {
    if pair.len() > HEADER_BYTES_MAX {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(pair.trim()).ok()?).ok()?;
    let (user, token) = pair.split_once(':')?;
    Some((user.to_owned(), token.to_owned()))
}
