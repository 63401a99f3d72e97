//! The approval policy: how many levels a claim needs, as dated data of the office.
//!
//! # Invariants
//!
//! 1. A policy answers for every plan and every amount, and always with a step of the office.
//! 2. What was published stays; a later policy takes over from its own date on.

use std::sync::Arc;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decider::{Decider, Impossible};
use crate::event::{StoredEvent, stored_events};
use crate::id::{PlanCode, VersionLabel};
use crate::money::Money;
use crate::step::{Level, Step};

/// The most rules that a policy has.
pub const RULES_MAX: usize = 200;
/// The longest deadline that a policy sets, in days.
pub const DEADLINE_DAYS_MAX: u16 = 366;

/// What may be asked of the approval policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Let a policy hold from its date on.
    Publish(Published),
}

/// What has happened to the approval policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A policy was published.
    Published(Published),
}

/// A policy, in force from a date until the next one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What claims call it.
    pub label: VersionLabel,
    /// The first day on which it holds.
    #[schemars(with = "String")]
    pub from: Date,
    /// Rules, of which the first that fits decides.
    pub rules: Vec<Rule>,
    /// Within what time the office wants its work done; what is not said has no deadline.
    #[serde(default, skip_serializing_if = "Deadlines::is_empty")]
    pub deadlines: Deadlines,
}

/// Within what time claims are dealt with (办理时限). Nothing lapses when it is over: it is there to be
/// seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// Days that each level has to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide_within_days: Option<u16>,
    /// Days that the unit has to bring what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplement_within_days: Option<u16>,
    /// Working days, Monday to Friday, from approval to payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_within_working_days: Option<u16>,
}

impl Deadlines {
    /// Whether it sets none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which steps a claim needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Claims of this plan only; every plan if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanCode>,
    /// Claims of at most this amount (元); every amount if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Money>,
    /// The steps, in rising order. A step of a level that the claim's unit has nothing of, such as
    /// a township, is left out.
    pub steps: Vec<Step>,
}

stored_events!(Event { Published => "ApprovalPolicyPublished" @ 1 });

/// Why a command was refused; nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "snake_case")]
pub enum Rejection {
    /// The label stands for another policy.
    #[error("a policy called {label} was published with other rules")]
    PolicyDiffers { label: VersionLabel },
    /// Invariant 2: a policy never takes over in the past of another.
    #[error("a policy from {last} was published; {given} lies before it")]
    PolicyDateBefore { last: Date, given: Date },
    /// Invariant 1: some claim would find no rule.
    #[error("the last rule must fit every plan and amount")]
    NoCatchAll,
    /// There are no rules, or too many.
    #[error("a policy has 1 to {limit} rules, not {given}")]
    RuleCount { limit: usize, given: usize },
    /// Invariant 1: a rule lacks a step of the office, or its steps do not rise.
    #[error("rule {rule}: steps must rise and end at the office")]
    StepsOutOfOrder { rule: usize },
    /// A deadline is none, or too far to be one.
    #[error("a deadline is 1 to {limit} days, not {given}")]
    DeadlineDays { limit: u16, given: u16 },
    /// No policy holds on that day.
    #[error("no approval policy is in force on {on}")]
    NoPolicy { on: Date },
}

/// Every policy that was ever published, by date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalPolicy {
    published: Vec<Arc<Published>>,
}

impl ApprovalPolicy {
    /// The policy in force on `on`, and the steps it asks for.
    ///
    /// # Errors
    ///
    /// [`Rejection::NoPolicy`] before the first policy.
    pub fn steps_for(
        &self,
        plan: &PlanCode,
        amount: Money,
        on: Date,
    ) -> Result<(&VersionLabel, &[Step]), Rejection> {
        let policy = self
            .published
            .iter()
            .rev()
            .find(|policy| policy.from <= on)
            .ok_or(Rejection::NoPolicy { on })?;
        policy
            .rules
            .iter()
            .find(|rule| {
                rule.plan.as_ref().is_none_or(|only| only == plan)
                    && rule.up_to.is_none_or(|most| amount <= most)
            })
            .map(|rule| (&policy.label, rule.steps.as_slice()))
            .ok_or(Rejection::NoPolicy { on })
    }
}

impl Decider for ApprovalPolicy {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        let Command::Publish(policy) = command;
        if let Some(known) = self.published.iter().find(|known| known.label == policy.label) {
            return if **known == policy {
                Ok(Vec::new())
            } else {
                Err(Rejection::PolicyDiffers { label: policy.label })
            };
        }
        if let Some(last) = self.published.last().filter(|last| policy.from < last.from) {
            return Err(Rejection::PolicyDateBefore { last: last.from, given: policy.from });
        }
        check(&policy.rules)?;
        check_deadlines(policy.deadlines)?;
        Ok(vec![Event::Published(policy)])
    }

    fn evolve(mut self, event: &Event) -> Result<Self, Impossible> {
        let Event::Published(policy) = event;
        let follows = self.published.last().is_none_or(|last| last.from <= policy.from);
        if !follows || self.published.iter().any(|known| known.label == policy.label) {
            return Err(Impossible { event: event.name(), state: "Published" });
        }
        self.published.push(Arc::new(policy.clone()));
        Ok(self)
    }
}

fn check(rules: &[Rule]) -> Result<(), Rejection> {
    if !(1..=RULES_MAX).contains(&rules.len()) {
        return Err(Rejection::RuleCount { limit: RULES_MAX, given: rules.len() });
    }
    for (rule, number) in rules.iter().zip(1..) {
        let rises = rule.steps.is_sorted_by(|a, b| a < b);
        let ends = rule.steps.last().is_some_and(|step| step.level() == Level::Office);
        if !(rises && ends) {
            return Err(Rejection::StepsOutOfOrder { rule: number });
        }
    }
    match rules.last() {
        Some(Rule { plan: None, up_to: None, .. }) => Ok(()),
        _ => Err(Rejection::NoCatchAll),
    }
}

fn check_deadlines(deadlines: Deadlines) -> Result<(), Rejection> {
    let Deadlines { decide_within_days, supplement_within_days, pay_within_working_days } =
        deadlines;
    let days = [decide_within_days, supplement_within_days, pay_within_working_days];
    match days.into_iter().flatten().find(|days| !(1..=DEADLINE_DAYS_MAX).contains(days)) {
        Some(given) => Err(Rejection::DeadlineDays { limit: DEADLINE_DAYS_MAX, given }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decider::replay;
    use crate::testing::{carry_out, given};

    proptest! {
        #[test]
        fn from_the_first_policy_on_every_claim_finds_steps_that_end_at_the_office(
            published in prop::collection::vec((0..9_u8, 1..=28_i8, any_rules()), 0..12),
            fen in 0..3_000_000_i64,
            on in 1..=28_i8,
        ) {
            let (state, events) = carry_out::<ApprovalPolicy>(published.into_iter().map(
                |(name, from, rules)| Command::Publish(Published {
                    label: label(&name.to_string()),
                    from: jiff::civil::date(2014, 1, from),
                    rules,
                    deadlines: Deadlines::default(),
                }),
            ));
            let on = jiff::civil::date(2014, 1, on);
            let plan = "nuan-huzhu".parse().unwrap();
            let steps = state.steps_for(&plan, Money::from_fen(fen).unwrap(), on);
            let first = events.first().map(|Event::Published(first)| first.from);
            match steps {
                Ok((_, steps)) => {
                    prop_assert!(first.is_some_and(|first| first <= on));
                    prop_assert_eq!(steps.last().map(|step| step.level()), Some(Level::Office));
                }
                Err(_) => prop_assert!(first.is_none_or(|first| on < first)),
            }
        }
    }

    fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
        let plans = [None, Some("nuan-huzhu"), Some("inpatient")];
        let plan = prop::sample::select(plans.to_vec());
        let up_to = prop::option::weighted(0.7, 0..3_000_000_i64);
        let steps = prop::sample::subsequence(Step::ALL.to_vec(), 0..=6);
        let any_rule = (plan, up_to, steps).prop_map(|(plan, up_to, steps)| Rule {
            up_to: up_to.map(|fen| Money::from_fen(fen).unwrap()),
            ..rule(plan, None, &steps)
        });
        let catch_all = prop::option::weighted(0.8, Just(rule(None, None, &Step::ALL)));
        (prop::collection::vec(any_rule, 0..4), catch_all)
            .prop_map(|(rules, last)| rules.into_iter().chain(last).collect())
    }

    #[test]
    fn a_policy_is_published_once() {
        let publish = || Command::Publish(policy("2014", "2014-01-01"));
        let published = || Event::Published(policy("2014", "2014-01-01"));
        given::<ApprovalPolicy>([]).when(publish()).then([published()]);
        given::<ApprovalPolicy>([published()]).when(publish()).then_nothing();
        let mut other = policy("2014", "2014-01-01");
        other.rules.remove(0);
        given::<ApprovalPolicy>([published()])
            .when(Command::Publish(other))
            .then_rejected(Rejection::PolicyDiffers { label: label("2014") });
    }

    #[test]
    fn a_policy_never_takes_over_in_the_past() {
        given::<ApprovalPolicy>([Event::Published(policy("2015", "2015-01-01"))])
            .when(Command::Publish(policy("late", "2014-12-31")))
            .then_rejected(Rejection::PolicyDateBefore {
                last: "2015-01-01".parse().unwrap(),
                given: "2014-12-31".parse().unwrap(),
            });
    }

    #[test]
    fn a_policy_with_a_gap_is_refused() {
        let mut gap = policy("x", "2014-01-01");
        gap.rules.pop();
        given::<ApprovalPolicy>([])
            .when(Command::Publish(gap))
            .then_rejected(Rejection::NoCatchAll);
        let mut empty = policy("x", "2014-01-01");
        empty.rules.clear();
        given::<ApprovalPolicy>([])
            .when(Command::Publish(empty))
            .then_rejected(Rejection::RuleCount { limit: RULES_MAX, given: 0 });
    }

    #[test]
    fn a_deadline_of_no_days_or_of_years_is_refused() {
        for given in [0, DEADLINE_DAYS_MAX + 1] {
            for place in 0..3 {
                let days = |at| (at == place).then_some(given);
                let mut wrong = policy("x", "2014-01-01");
                wrong.deadlines = Deadlines {
                    decide_within_days: days(0),
                    supplement_within_days: days(1),
                    pay_within_working_days: days(2),
                };
                given_nothing()
                    .when(Command::Publish(wrong))
                    .then_rejected(Rejection::DeadlineDays { limit: DEADLINE_DAYS_MAX, given });
            }
        }
        let mut held = policy("x", "2014-01-01");
        held.deadlines.pay_within_working_days = Some(10);
        let published = Event::Published(held.clone());
        given_nothing().when(Command::Publish(held)).then([published]);
    }

    fn given_nothing() -> crate::testing::Given<ApprovalPolicy> {
        given([])
    }

    #[test]
    fn steps_that_do_not_rise_to_the_office_are_refused() {
        for steps in [
            vec![],
            vec![Step::UnitEndorsement],
            vec![Step::Finance, Step::FirstReview],
            vec![Step::Finance, Step::Finance],
        ] {
            let mut wrong = policy("x", "2014-01-01");
            wrong.rules[0].steps = steps;
            given::<ApprovalPolicy>([])
                .when(Command::Publish(wrong))
                .then_rejected(Rejection::StepsOutOfOrder { rule: 1 });
        }
    }

    #[test]
    fn a_policy_in_the_log_before_another_or_of_the_same_name_is_corrupt() {
        let history = |labels: [&str; 2], from: [&str; 2]| {
            [0, 1].map(|at| Event::Published(policy(labels[at], from[at])))
        };
        let read = |labels, from| replay::<ApprovalPolicy, _>(&history(labels, from));
        assert!(read(["a", "b"], ["2014-01-01", "2014-01-01"]).is_ok());
        assert!(read(["a", "b"], ["2014-01-02", "2014-01-01"]).is_err());
        assert!(read(["a", "a"], ["2014-01-01", "2014-01-02"]).is_err());
    }

    #[test]
    fn the_first_rule_that_fits_on_the_day_decides() {
        let state: ApprovalPolicy = replay(&[
            Event::Published(policy("2014", "2014-01-01")),
            Event::Published(Published {
                rules: vec![rule(None, None, &[Step::Finance])],
                ..policy("2015", "2015-01-01")
            }),
        ])
        .unwrap();
        let steps = |amount: &str, on: &str| {
            state
                .steps_for(
                    &"nuan-huzhu".parse().unwrap(),
                    amount.parse().unwrap(),
                    on.parse().unwrap(),
                )
                .map(|(label, steps)| (label.to_string(), steps.len()))
        };
        assert_eq!(steps("8000", "2014-06-01"), Ok(("2014".into(), 2)));
        assert_eq!(steps("8000.01", "2014-06-01"), Ok(("2014".into(), 6)));
        assert_eq!(steps("8000", "2015-01-01"), Ok(("2015".into(), 1)));
        let on = "2013-12-31".parse().unwrap();
        assert_eq!(steps("1", "2013-12-31"), Err(Rejection::NoPolicy { on }));
    }

    fn policy(label: &str, from: &str) -> Published {
        Published {
            label: self::label(label),
            from: from.parse().unwrap(),
            rules: vec![
                rule(None, Some("8000"), &[Step::FirstReview, Step::Finance]),
                rule(None, None, &Step::ALL),
            ],
            deadlines: Deadlines::default(),
        }
    }

    fn rule(plan: Option<&str>, up_to: Option<&str>, steps: &[Step]) -> Rule {
        Rule {
            plan: plan.map(|plan| plan.parse().unwrap()),
            up_to: up_to.map(|amount| amount.parse().unwrap()),
            steps: steps.to_vec(),
        }
    }

    fn label(text: &str) -> VersionLabel {
        text.parse().unwrap()
    }
}
