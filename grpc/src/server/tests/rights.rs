//! Every RPC of the contract, called by every role and by nobody.

use huzhu_domain::envelope::{Actor, Role};
use tonic::Code;
use tonic_types::StatusExt;

use super::Service;
use super::raw::{Contract, call};
use crate::auth::Issuer;
use crate::auth::keys::TokenKey;
use crate::auth::table::{Rule, rule};
use crate::clock::Clock;

const ROLES: [Role; 5] =
    [Role::Handler, Role::Operator, Role::Auditor, Role::Analyst, Role::Service];

fn token(key: &TokenKey, role: Role) -> String {
    let organisation = (role == Role::Handler).then(|| "beiyi".parse().unwrap());
    let actor = Actor { subject: "somebody".parse().unwrap(), role, organisation };
    let token = Issuer::new(key).unwrap().issue(&actor, Clock::system().now(), 1).unwrap();
    format!("Bearer {token}")
}

#[tokio::test]
async fn each_role_calls_what_the_table_allows_and_nothing_else() {
    let service = Service::start().await;
    let channel = service.channel().await;
    for rpc in Contract::read().rpcs() {
        let Rule::Roles(allowed) = rule(&rpc.path) else { panic!("{}", rpc.path) };
        for role in ROLES {
            let token = token(&service.running.key, role);
            let answer = call(&channel, &rpc.path, Some(&token), Vec::new()).await;
            let reason = answer
                .as_ref()
                .err()
                .and_then(|status| status.get_details_error_info())
                .map(|info| info.reason);
            let turned_away = reason.as_deref() == Some("ROLE_NOT_ALLOWED");
            assert_eq!(turned_away, !allowed.contains(&role), "{role:?} {}", rpc.path);
            let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
            assert_ne!(code, Code::Unauthenticated, "{role:?} {}", rpc.path);
            assert_ne!(code, Code::Unimplemented, "{role:?} {}", rpc.path);
        }
    }
}

#[tokio::test]
async fn nobody_calls_anything_without_a_token_that_holds() {
    let service = Service::start().await;
    let channel = service.channel().await;
    let foreign = token(&TokenKey::fresh().unwrap(), Role::Operator);
    let (_, rest) = foreign.split_once('.').unwrap();
    let (body, _) = rest.split_once('.').unwrap();
    let unsigned = format!("Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
    // Signed with the public key as if it were a shared secret would look like this.
    let symmetric = format!("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{body}.AAAA");
    let expired = {
        let actor =
            Actor { subject: "a".parse().unwrap(), role: Role::Operator, organisation: None };
        let long_ago = "2014-01-01T00:00:00Z".parse().unwrap();
        let issuer = Issuer::new(&service.running.key).unwrap();
        format!("Bearer {}", issuer.issue(&actor, long_ago, 1).unwrap())
    };
    let cases = [
        (None, "TOKEN_MISSING"),
        (Some("Basic abc"), "TOKEN_MISSING"),
        (Some(expired.as_str()), "TOKEN_EXPIRED"),
        (Some(foreign.as_str()), "TOKEN_INVALID"),
        (Some(unsigned.as_str()), "TOKEN_INVALID"),
        (Some(symmetric.as_str()), "TOKEN_INVALID"),
    ];
    for rpc in Contract::read().rpcs() {
        for (token, reason) in cases {
            let status = call(&channel, &rpc.path, token, Vec::new()).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{reason} {}", rpc.path);
            assert_eq!(status.get_details_error_info().unwrap().reason, reason, "{}", rpc.path);
        }
    }
}
