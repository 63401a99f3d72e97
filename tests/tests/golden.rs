//! The cases of the project's article and of the plan texts, to the fen, through the public
//! contract.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

#[path = "golden/contributions.rs"]
mod contributions;
#[path = "golden/free_plan.rs"]
mod free_plan;
#[path = "golden/paid_plans.rs"]
mod paid_plans;

use huzhu_tests::command::PreviewAssessmentRequest;
use huzhu_tests::facts::written;
use huzhu_tests::union::Unit;
use huzhu_tests::wire::Facts;

/// What the facts are worth under a cover: asked for first, and filed if it is anything.
#[track_caller]
fn pays<'a>(
    unit: &'a Unit<'_>,
    cover: &'a str,
    benefits: &'a [&'a str],
    facts: Facts,
    day: &'a str,
    total: &'a str,
) -> impl Future<Output = Option<String>> + 'a {
    let at = std::panic::Location::caller();
    async move {
        let preview = unit
            .filer
            .must(PreviewAssessmentRequest {
                cover_id: cover.to_owned(),
                benefits: benefits.iter().map(|benefit| (*benefit).to_owned()).collect(),
                facts: Some(facts.clone()),
            })
            .await
            .assessment
            .unwrap();
        assert_eq!(written(preview.total.as_ref()), total, "{at}: {:#?}", preview.trace);
        if total == "0.00" {
            return None;
        }
        let claim = unit.file(cover, benefits, facts, day).await;
        let assessed = unit.union.assessed(&claim).await;
        assert_eq!(written(assessed.total.as_ref()), total, "{at}: {:#?}", assessed.trace);
        Some(claim)
    }
}
