//! Plans, their versions and the approval policies: what the office published.

mod terms;

use std::sync::Arc;

use huzhu_domain::approval_policy::{self, Rule};
use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::{PlanCode, VersionLabel};
use huzhu_domain::plan::{self, EnrolmentMode, PlanVersion as Terms, Selection};

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::terms::{PlanBenefit, PlanCeiling, Span, WindowUnit};
use crate::projection::{Arrived, Projection, Stop, follows, known, up};
use crate::record::record;
use crate::rows::{Buffer, Rows, Source};
use crate::value::Json;

record! {
    /// A plan (保障计划).
    Plan = "plans";
    key {
        /// Its code.
        plan: PlanCode,
    }
    columns {
        /// Its name in Chinese, by the version published last.
        name_zh: String,
        /// Its name in English, by the version published last.
        name_en: String,
        /// How many versions were published.
        versions: u32,
        /// The revision of the plan's stream that the row reflects.
        revision: u64,
    }
}

record! {
    /// A version of a plan.
    PlanVersion = "plan_versions";
    key {
        /// The plan.
        plan: PlanCode,
        /// What tells it from the plan's other versions.
        version: VersionLabel,
    }
    columns {
        /// Its place among the plan's versions, from 1, in order of publication.
        number: u32,
        /// The plan's name in Chinese.
        name_zh: String,
        /// The plan's name in English.
        name_en: String,
        /// The first day on which it may be chosen.
        effective_from: Date,
        /// The last day on which it may be chosen, if one is known.
        effective_until: Option<Date>,
        /// How a claim finds its version: term, expense_year or event_date.
        selection: Selection,
        /// How members come into the plan: roster or automatic.
        enrolment: EnrolmentMode,
        /// Within how many days of the incident the office wants to be told (报案时限).
        notify_within_days: Option<u32>,
        /// All its terms, as published.
        terms: Json<Arc<Terms>>,
        /// When the log took it.
        published_at: Timestamp,
        /// The revision of the plan's stream at which it was published.
        revision: u64,
    }
}

record! {
    /// An approval policy: which steps claims need, from a day on.
    ApprovalPolicy = "approval_policies";
    key {
        /// Its place in the order of publication, from 0.
        number: u64,
    }
    columns {
        /// What claims call it.
        label: VersionLabel,
        /// The first day on which it holds.
        in_force_from: Date,
        /// Its rules, of which the first that fits decides.
        rules: Json<Vec<Rule>>,
        /// When the log took it.
        published_at: Timestamp,
    }
}

/// Keeps plans and approval policies.
#[derive(Default)]
pub struct Plans {
    plans: Rows<Plan>,
    versions: Rows<PlanVersion>,
    policies: Rows<ApprovalPolicy>,
    ceilings: Rows<PlanCeiling>,
    benefits: Rows<PlanBenefit>,
}

impl Projection for Plans {
    fn name(&self) -> &'static str {
        "plans"
    }

    fn version(&self) -> u32 {
        2
    }

    fn takes(&self, event: &str) -> bool {
        plan::Event::knows(event) || approval_policy::Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "plan" || category == "approval"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        if approval_policy::Event::knows(&event.name) {
            return self.policy_published(event, source);
        }
        let plan::Event::VersionPublished(published) =
            plan::Event::decode(&event.name, event.version, &event.data)?;
        self.version_published(published.terms, event, source)
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![
            &mut self.plans,
            &mut self.versions,
            &mut self.policies,
            &mut self.ceilings,
            &mut self.benefits,
        ]
    }
}

impl Plans {
    fn version_published(
        &mut self,
        terms: Arc<Terms>,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = self.plans.edit_or(&(terms.plan.clone(),), source, || Plan {
            plan: terms.plan.clone(),
            name_zh: String::new(),
            name_en: String::new(),
            versions: 0,
            revision: 0,
        })?;
        let last = (row.versions > 0).then_some(row.revision);
        row.revision = follows(last, event)?;
        up(&mut row.versions, "the versions of a plan")?;
        row.name_zh.clone_from(&terms.name.zh);
        row.name_en.clone_from(&terms.name.en);
        terms::ceilings(&terms).try_for_each(|ceiling| self.ceilings.create(ceiling))?;
        terms::benefits(&terms).try_for_each(|benefit| self.benefits.create(benefit))?;
        self.versions.create(PlanVersion {
            plan: terms.plan.clone(),
            version: terms.version.clone(),
            number: row.versions,
            name_zh: terms.name.zh.clone(),
            name_en: terms.name.en.clone(),
            effective_from: terms.effective.from,
            effective_until: terms.effective.until,
            selection: terms.selection,
            enrolment: terms.enrolment.mode,
            notify_within_days: terms.notify_within_days.map(u32::from),
            terms: Json(terms),
            published_at: event.recorded_at,
            revision: row.revision,
        })?;
        Ok(())
    }

    fn policy_published(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let approval_policy::Event::Published(policy) =
            approval_policy::Event::decode(&event.name, event.version, &event.data)?;
        let number = event.revision;
        if let Some(before) = number.checked_sub(1) {
            known(self.policies.get(&(before,), source)?, "the approval policy before")?;
        }
        self.policies.create(ApprovalPolicy {
            number,
            label: policy.label,
            in_force_from: policy.from,
            rules: Json(policy.rules),
            published_at: event.recorded_at,
        })?;
        Ok(())
    }
}
