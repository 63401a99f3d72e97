//! What a confirmed roster grants: a cover for each line.

use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt, TryStreamExt};
use huzhu_domain::id::{MemberId, RosterId};
use huzhu_domain::member::Member;
use huzhu_domain::plan::{NoVersion, Plan};
use huzhu_domain::roster::{self, Line, List, Roster};

use super::draft::Draft;
use super::flow::{Flow, Single, Stop};
use super::{Engine, EngineError, Envelope, authority, covers, streams};
use crate::port::StreamName;

/// How many covers are granted at once: enough to share a commit, few enough to let others in.
const GRANTS_AT_ONCE: usize = 250;
/// On a log that several services share, every append goes there and back: there, covers are
/// granted each by itself, and so many are on their way.
const GRANTS_SIDE_BY_SIDE: usize = 64;

/// Grants the covers of some lines of a confirmed roster.
struct GrantLines {
    list: Arc<List>,
    lines: Vec<Line>,
    passed_over: Mutex<Vec<MemberId>>,
}

impl Flow for GrantLines {
    fn target(&self, _: &Envelope) -> StreamName {
        streams::roster(self.list.opened.roster)
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let opened = &self.list.opened;
        let unit = authority::is_unit(draft, &opened.unit).await?;
        let plan = draft.load::<Plan>(streams::plan(&opened.plan)).await?;
        let unknown = || NoVersion::VersionUnknown { version: opened.version.clone() };
        let version = plan.state.version(&opened.version).ok_or_else(unknown)?;
        let mut passed_over = Vec::new();
        for line in &self.lines {
            let member = draft.load::<Member>(streams::member(line.member)).await?;
            let terms = covers::Terms {
                version,
                unit: &opened.unit,
                district: unit.particulars.district.as_ref(),
                roster: Some(opened.roster),
                units: line.units,
                term: opened.term,
                contribution: line.contribution,
                on: draft.envelope().on(),
            };
            let granted = match member.state.registered()?.alive() {
                Ok(profile) => covers::grant(draft, profile, &terms).await?.is_ok(),
                Err(_) => false,
            };
            if !granted {
                passed_over.push(line.member);
            }
        }
        *self.passed_over.lock().unwrap_or_else(PoisonError::into_inner) = passed_over;
        Ok(())
    }
}

impl Engine {
    /// Grants the covers of a confirmed roster, as far as they are not granted.
    pub(super) async fn grant_roster(
        &self,
        envelope: &Envelope,
        roster: RosterId,
    ) -> Result<(), EngineError> {
        let loaded = self.load::<Roster>(streams::roster(roster)).await?;
        let Roster::Confirmed(list) = &loaded.state else {
            return Ok(());
        };
        let lines: Vec<_> = list.members.values().cloned().collect();
        let (at_once, side_by_side) =
            if self.store.is_shared() { (1, GRANTS_SIDE_BY_SIDE) } else { (GRANTS_AT_ONCE, 1) };
        let flow = |lines: &[Line]| {
            let (list, lines) = (Arc::clone(list), lines.to_vec());
            GrantLines { list, lines, passed_over: Mutex::default() }
        };
        let flows: Vec<_> = lines.chunks(at_once).map(flow).collect();
        let grants = flows.into_iter().enumerate().map(|(number, flow)| {
            self.grant_lines(envelope.then(&format!("grant-{number}")), flow)
        });
        let mut granted = stream::iter(grants).buffered(side_by_side);
        let mut passed_over = Vec::new();
        while let Some(more) = granted.try_next().await? {
            passed_over.extend(more);
            tokio::task::yield_now().await;
        }
        drop(granted);
        let covers = lines.len().saturating_sub(passed_over.len());
        let covers = u32::try_from(covers).unwrap_or(u32::MAX);
        let granted = roster::Granted { covers, passed_over };
        let finish = Single::<Roster> {
            stream: streams::roster(roster),
            command: roster::Command::FinishGranting(granted),
        };
        self.run(&envelope.then("granted"), &finish).await?;
        Ok(())
    }

    /// Grants covers, and answers with those whom none is granted.
    async fn grant_lines(
        &self,
        envelope: Envelope,
        flow: GrantLines,
    ) -> Result<Vec<MemberId>, EngineError> {
        self.run(&envelope, &flow).await?;
        Ok(flow.passed_over.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
