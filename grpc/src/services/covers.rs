//! Covers.

use huzhu_domain::cover::EndReason;
use huzhu_domain::id::CoverId;
use huzhu_store::engine::GrantCover;
use tonic::{Request, Response, Status};

use super::{Desk, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use command::cover_service_server::CoverService;

#[tonic::async_trait]
impl CoverService for Desk {
    async fn grant_cover(
        &self,
        request: Request<command::GrantCoverRequest>,
    ) -> Result<Response<command::GrantCoverResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let member = check.parse("member_id", &request.member_id);
        let plan = check.parse("plan", &request.plan);
        let start = check.date("start", request.start);
        let (envelope, member, plan, start) = check.finish(all!(envelope, member, plan, start))?;
        let cover_id = CoverId::of(&plan, member, start).to_string();
        let cover = GrantCover { plan, member, start };
        let receipt = receipt(self.0.engine.grant_cover(&envelope, cover).await)?;
        Ok(Response::new(command::GrantCoverResponse { receipt, cover_id }))
    }

    async fn end_cover(
        &self,
        request: Request<command::EndCoverRequest>,
    ) -> Result<Response<command::EndCoverResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let cover = check.parse("cover_id", &request.cover_id);
        let reason = match check.choice("reason", request.reason) {
            Some(EndReason::BenefitPaid) => {
                check.fail("reason", "is recorded by the payment itself")
            }
            reason => reason,
        };
        let on = check.date_or_none("on", request.on);
        let (envelope, cover, reason, on) = check.finish(all!(envelope, cover, reason, on))?;
        let on = on.unwrap_or_else(|| envelope.on());
        let receipt = receipt(self.0.engine.end_cover(&envelope, cover, reason, on).await)?;
        Ok(Response::new(command::EndCoverResponse { receipt }))
    }
}
