//! `huzhu token`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use huzhu_domain::envelope::{Actor, Role};
use huzhu_domain::id::{OrganisationId, Subject};

use super::Failure;
use crate::auth::Issuer;
use crate::auth::keys::TokenKey;
use crate::clock::Clock;

/// Issue a bearer token.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// Whose token it is: a staff number or the name of an account, never the name of a person.
    #[arg(long)]
    subject: Subject,
    /// What the token allows.
    #[arg(long)]
    role: RoleName,
    /// The organisation that a handler acts for.
    #[arg(long)]
    organisation: Option<OrganisationId>,
    /// How many days it holds.
    #[arg(long, default_value_t = 30)]
    days: i64,
    /// The data folder with the key.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    data: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// A certified person of one organisation (经办人).
    Handler,
    /// Publishes plans and keeps organisations (管理员).
    Operator,
    /// Replays histories (审计).
    Auditor,
    /// Queries views, without personal data (统计).
    Analyst,
    /// A card or app back end (系统账户).
    Service,
}

pub(super) fn run(token: &Token) -> Result<(), Failure> {
    let role = match token.role {
        RoleName::Handler => Role::Handler,
        RoleName::Operator => Role::Operator,
        RoleName::Auditor => Role::Auditor,
        RoleName::Analyst => Role::Analyst,
        RoleName::Service => Role::Service,
    };
    let (subject, organisation) = (token.subject.clone(), token.organisation.clone());
    let actor = Actor { subject, role, organisation };
    let key = TokenKey::open(&token.data).map_err(Failure::of)?;
    let issuer = Issuer::new(&key).map_err(Failure::of)?;
    let issued = issuer.issue(&actor, Clock::system().now(), token.days).map_err(Failure::of)?;
    say!("{issued}");
    Ok(())
}
