//! Things in full: a row together with the rows that belong to it.

use std::collections::BTreeMap;

use huzhu_domain::id::{
    BatchId, ClaimId, CoverId, MemberId, OrganisationId, PlanCode, ResidentKey, Subject,
    VersionLabel,
};

use super::{Answer, Queries, QueryError, Wish, row, rows};
use crate::value::Column;
use crate::views::claims::{ApprovalStep, AssessmentLine, Claim, ClaimAssessment, ClaimFacts};
use crate::views::covers::{Accumulator, Cover, Entry};
use crate::views::joined::CoverBalance;
use crate::views::members::{Member, MemberPerson};
use crate::views::organisations::{Certificate, Handler, Organisation};
use crate::views::payouts::{Batch, BatchLine};
use crate::views::plans::PlanVersion;

/// A claim with everything that was decided on it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimInFull {
    /// The claim.
    pub claim: Claim,
    /// The facts as they stand.
    pub facts: Option<ClaimFacts>,
    /// The assessment as it stands.
    pub assessment: Option<ClaimAssessment>,
    /// Its lines.
    pub lines: Vec<AssessmentLine>,
    /// The decisions, in order.
    pub decisions: Vec<ApprovalStep>,
}

/// A cover with what is used up of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CoverInFull {
    /// The cover.
    pub cover: Cover,
    /// What is used up of each ceiling.
    pub accumulators: Vec<Accumulator>,
    /// What is left of each ceiling, touched or not.
    pub balances: Vec<CoverBalance>,
    /// What claims hold of it.
    pub entries: Vec<Entry>,
}

/// A member with the person.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberInFull {
    /// The member.
    pub member: Member,
    /// Who it is: personal data.
    pub person: Option<MemberPerson>,
}

/// An organisation with the people who act for it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrganisationInFull {
    /// The organisation.
    pub organisation: Organisation,
    /// The people who act for it.
    pub handlers: Vec<HandlerInFull>,
}

/// A handler with the certificates.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerInFull {
    /// The handler.
    pub handler: Handler,
    /// The certificates, by number.
    pub certificates: Vec<Certificate>,
}

/// A batch with its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchInFull {
    /// The batch.
    pub batch: Batch,
    /// The lines of its file, by payout.
    pub lines: Vec<BatchLine>,
}

impl Queries {
    /// A claim with everything that was decided on it.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn claim(
        &self,
        claim: ClaimId,
        wish: Wish,
    ) -> Result<Answer<Option<ClaimInFull>>, QueryError> {
        self.read(&["claims"], wish, move |views| {
            let Some(row_of_claim) = row::<Claim>(views, &(claim,))? else { return Ok(None) };
            let of_claim = [claim.to_value()];
            Ok(Some(ClaimInFull {
                claim: row_of_claim,
                facts: row(views, &(claim,))?,
                assessment: row(views, &(claim,))?,
                lines: rows(views, "claim = ?", &of_claim)?,
                decisions: rows(views, "claim = ?", &of_claim)?,
            }))
        })
        .await
    }

    /// The decisions on several claims, for a page of a list.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn decisions(
        &self,
        claims: Vec<ClaimId>,
        wish: Wish,
    ) -> Result<Answer<BTreeMap<ClaimId, Vec<ApprovalStep>>>, QueryError> {
        self.read(&["claims"], wish, move |views| {
            let decided = claims.iter().map(|claim| {
                Ok((*claim, rows::<ApprovalStep>(views, "claim = ?", &[claim.to_value()])?))
            });
            decided.collect()
        })
        .await
    }

    /// Several claims with the decisions on them, as far as they are there.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn claims_with_decisions(
        &self,
        claims: Vec<ClaimId>,
        wish: Wish,
    ) -> Result<Answer<Vec<(Claim, Vec<ApprovalStep>)>>, QueryError> {
        self.read(&["claims"], wish, move |views| {
            let mut found = Vec::new();
            for claim in claims {
                let Some(row_of_claim) = row::<Claim>(views, &(claim,))? else { continue };
                found.push((row_of_claim, rows(views, "claim = ?", &[claim.to_value()])?));
            }
            Ok(found)
        })
        .await
    }

    /// A cover with what is used up of it.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn cover(
        &self,
        cover: CoverId,
        wish: Wish,
    ) -> Result<Answer<Option<CoverInFull>>, QueryError> {
        self.read(&["covers", "plans"], wish, move |views| {
            let Some(row_of_cover) = row::<Cover>(views, &(cover,))? else { return Ok(None) };
            let of_cover = [cover.to_value()];
            Ok(Some(CoverInFull {
                cover: row_of_cover,
                accumulators: rows(views, "cover = ?", &of_cover)?,
                balances: rows(views, "cover = ?", &of_cover)?,
                entries: rows(views, "cover = ?", &of_cover)?,
            }))
        })
        .await
    }

    /// A member with the person: personal data.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn member(
        &self,
        member: MemberId,
        wish: Wish,
    ) -> Result<Answer<Option<MemberInFull>>, QueryError> {
        self.read(&["members"], wish, move |views| {
            let Some(row_of_member) = row::<Member>(views, &(member,))? else { return Ok(None) };
            let person = row(views, &(member,))?;
            Ok(Some(MemberInFull { member: row_of_member, person }))
        })
        .await
    }

    /// The member who is the resident with this key.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn member_of_resident(
        &self,
        resident: ResidentKey,
        wish: Wish,
    ) -> Result<Answer<Option<MemberInFull>>, QueryError> {
        self.read(&["members"], wish, move |views| {
            let found = rows::<MemberPerson>(views, "resident_key = ?", &[resident.to_value()])?;
            let Some(person) = found.into_iter().next() else { return Ok(None) };
            let member = row::<Member>(views, &(person.member,))?;
            Ok(member.map(|member| MemberInFull { member, person: Some(person) }))
        })
        .await
    }

    /// The persons of several members, for a page of a list: personal data.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn persons(
        &self,
        members: Vec<MemberId>,
        wish: Wish,
    ) -> Result<Answer<BTreeMap<MemberId, MemberPerson>>, QueryError> {
        self.read(&["members"], wish, move |views| {
            let mut persons = BTreeMap::new();
            for member in members {
                persons.extend(row(views, &(member,))?.map(|person| (member, person)));
            }
            Ok(persons)
        })
        .await
    }

    /// An organisation with the people who act for it.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn organisation(
        &self,
        organisation: OrganisationId,
        wish: Wish,
    ) -> Result<Answer<Option<OrganisationInFull>>, QueryError> {
        self.read(&["organisations"], wish, move |views| {
            let Some(found) = row::<Organisation>(views, &(organisation.clone(),))? else {
                return Ok(None);
            };
            let id = organisation.to_value();
            let mut of_handler: BTreeMap<Subject, Vec<Certificate>> = BTreeMap::new();
            for certificate in
                rows::<Certificate>(views, "organisation = ?", std::slice::from_ref(&id))?
            {
                of_handler.entry(certificate.handler.clone()).or_default().push(certificate);
            }
            let handlers = rows::<Handler>(views, "organisation = ?", std::slice::from_ref(&id))?;
            let handlers = handlers.into_iter().map(|handler| {
                let certificates = of_handler.remove(&handler.handler).unwrap_or_default();
                HandlerInFull { handler, certificates }
            });
            let handlers = handlers.collect();
            Ok(Some(OrganisationInFull { organisation: found, handlers }))
        })
        .await
    }

    /// A batch with its lines.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn batch(
        &self,
        batch: BatchId,
        wish: Wish,
    ) -> Result<Answer<Option<BatchInFull>>, QueryError> {
        self.read(&["payouts"], wish, move |views| {
            let Some(row_of_batch) = row::<Batch>(views, &(batch,))? else { return Ok(None) };
            let lines = rows(views, "batch = ?", &[batch.to_value()])?;
            Ok(Some(BatchInFull { batch: row_of_batch, lines }))
        })
        .await
    }

    /// A plan version; the one published last if none is named.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn plan_version(
        &self,
        plan: PlanCode,
        version: Option<VersionLabel>,
        wish: Wish,
    ) -> Result<Answer<Option<PlanVersion>>, QueryError> {
        self.read(&["plans"], wish, move |views| {
            if let Some(version) = version {
                return row(views, &(plan, version));
            }
            let versions: Vec<PlanVersion> = rows(views, "plan = ?", &[plan.to_value()])?;
            Ok(versions.into_iter().max_by_key(|version| version.number))
        })
        .await
    }
}
