//! Plans and the approval policy.

use std::sync::Arc;

use huzhu_domain::approval_policy::{self, ApprovalPolicy};
use huzhu_domain::plan::{self, Plan, PlanVersion};

use super::flow::Single;
use super::{Engine, EngineError, Envelope, Receipt, streams};

impl Engine {
    /// Makes a version of a plan known.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn publish_plan(
        &self,
        envelope: &Envelope,
        terms: Arc<PlanVersion>,
    ) -> Result<Receipt, EngineError> {
        let stream = streams::plan(&terms.plan);
        let command = plan::Command::Publish { terms };
        self.run(envelope, &Single::<Plan> { stream, command }).await
    }

    /// Lets an approval policy hold from its date on.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn publish_approval_policy(
        &self,
        envelope: &Envelope,
        policy: approval_policy::Published,
    ) -> Result<Receipt, EngineError> {
        let stream = streams::approval_policy();
        let command = approval_policy::Command::Publish(policy);
        self.run(envelope, &Single::<ApprovalPolicy> { stream, command }).await
    }
}
