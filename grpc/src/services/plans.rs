//! Plans and the approval policy.

use std::sync::Arc;

use huzhu_domain::approval_policy::{DEADLINE_DAYS_MAX, Deadlines, Published, RULES_MAX, Rule};
use huzhu_domain::plan::PlanVersion;
use huzhu_domain::step::Step;
use tonic::{Request, Response, Status};

use super::{Desk, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use crate::wire::Check;
use command::plan_service_server::PlanService;

/// The largest plan file, in bytes.
const TERMS_BYTES_MAX: usize = 512 * 1024;

#[tonic::async_trait]
impl PlanService for Desk {
    async fn publish_plan(
        &self,
        request: Request<command::PublishPlanRequest>,
    ) -> Result<Response<command::PublishPlanResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let terms = check.terms("terms_json", &request.terms_json);
        let (envelope, terms) = check.finish(all!(envelope, terms))?;
        let (plan, version) = (terms.plan.to_string(), terms.version.to_string());
        let receipt = receipt(self.0.engine.publish_plan(&envelope, Arc::new(terms)).await)?;
        Ok(Response::new(command::PublishPlanResponse { receipt, plan, version }))
    }

    async fn publish_approval_policy(
        &self,
        request: Request<command::PublishApprovalPolicyRequest>,
    ) -> Result<Response<command::PublishApprovalPolicyResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let label = check.parse("label", &request.label);
        let from = check.date("from", request.from);
        let rules = check.each("rules", request.rules, 1..=RULES_MAX, rule);
        let deadlines = deadlines(&mut check, request.deadlines.unwrap_or_default());
        let fields = all!(envelope, label, from, rules, deadlines);
        let (envelope, label, from, rules, deadlines) = check.finish(fields)?;
        let policy = Published { label, from, rules, deadlines };
        let receipt = receipt(self.0.engine.publish_approval_policy(&envelope, policy).await)?;
        Ok(Response::new(command::PublishApprovalPolicyResponse { receipt }))
    }
}

fn rule(check: &mut Check, rule: command::ApprovalRule) -> Option<Rule> {
    let plan = check.parse_or_none("plan", &rule.plan);
    let up_to = check.amount_or_none("up_to", rule.up_to);
    let steps =
        check.each("steps", rule.steps, 1..=Step::ALL.len(), |check, step| check.choice("", step));
    Some(Rule { plan: plan?, up_to: up_to?, steps: steps? })
}

fn deadlines(check: &mut Check, given: command::Deadlines) -> Option<Deadlines> {
    let mut days = |field: &str, days: u32| match u16::try_from(days) {
        Ok(0) => Some(None),
        Ok(days) if days <= DEADLINE_DAYS_MAX => Some(Some(days)),
        _ => check.fail(field, format!("must be at most {DEADLINE_DAYS_MAX} days")),
    };
    let decide = days("deadlines.decide_within_days", given.decide_within_days);
    let supplement = days("deadlines.supplement_within_days", given.supplement_within_days);
    let pay = days("deadlines.pay_within_working_days", given.pay_within_working_days);
    Some(Deadlines {
        decide_within_days: decide?,
        supplement_within_days: supplement?,
        pay_within_working_days: pay?,
    })
}

impl Check {
    /// The terms of a plan, with every contradiction in them under its path.
    fn terms(&mut self, field: &str, json: &str) -> Option<PlanVersion> {
        if json.len() > TERMS_BYTES_MAX {
            return self.fail(field, format!("must be at most {TERMS_BYTES_MAX} bytes"));
        }
        let file = match serde_json::from_str(json) {
            Ok(file) => file,
            Err(why) => return self.fail(field, why),
        };
        match PlanVersion::parse(file) {
            Ok(terms) => Some(terms),
            Err(wrong) => {
                for wrong in wrong {
                    self.fail::<()>(&format!("{field}:{}", wrong.path), wrong.why);
                }
                None
            }
        }
    }
}
