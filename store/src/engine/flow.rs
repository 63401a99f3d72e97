//! A command as one attempt after the other.

use std::future::Future;

use crate::port::StreamName;

use super::draft::{Draft, Outcome, Trust};
use super::loaded::Aggregate;
use super::{ATTEMPTS_MAX, Engine, EngineError, Envelope, Receipt};

/// What a command does, from what it loads to what it leaves to be appended. Runs again from the
/// start after a lost race, so it changes nothing but its draft.
pub(super) trait Flow: Sync {
    /// The stream that the command is about.
    fn target(&self, envelope: &Envelope) -> StreamName;

    /// One attempt.
    fn draft(&self, draft: &mut Draft<'_>) -> impl Future<Output = Result<(), Stop>> + Send;
}

/// Why an attempt ends before anything is appended.
pub(super) enum Stop {
    /// The command took effect before.
    Repeated(Receipt),
    /// It cannot take effect.
    Failed(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

/// Lets `?` turn a refusal into the end of an attempt.
macro_rules! refusals {
    ($($rejection:ty),+ $(,)?) => {$(
        impl From<$rejection> for EngineError {
            fn from(rejection: $rejection) -> Self {
                Self::rejected(rejection)
            }
        }

        impl From<$rejection> for Stop {
            fn from(rejection: $rejection) -> Self {
                Self::Failed(rejection.into())
            }
        }
    )+};
}

refusals! {
    huzhu_domain::approval_policy::Rejection,
    huzhu_domain::assessment::Rejection,
    huzhu_domain::batch::Rejection,
    huzhu_domain::claim::Rejection,
    huzhu_domain::cover::Rejection,
    huzhu_domain::eligibility::Rejection,
    huzhu_domain::enrolment::Rejection,
    huzhu_domain::member::Rejection,
    huzhu_domain::organisation::Rejection,
    huzhu_domain::payout::Rejection,
    huzhu_domain::plan::NoVersion,
    huzhu_domain::plan::Rejection,
    huzhu_domain::reservation::Rejection,
    huzhu_domain::roster::Rejection,
}

/// A command that concerns one stream only.
pub(super) struct Single<D: Aggregate> {
    pub(super) stream: StreamName,
    pub(super) command: D::Command,
}

impl<D: Aggregate<Command: Clone + Send + Sync>> Flow for Single<D> {
    fn target(&self, _: &Envelope) -> StreamName {
        self.stream.clone()
    }

    async fn draft(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let loaded = draft.load::<D>(self.stream.clone()).await?;
        draft.meet(&loaded)?;
        draft.decide(&loaded, self.command.clone())?;
        Ok(())
    }
}

impl Engine {
    /// Takes `flow` to its end: loads, decides and appends until nobody comes in between.
    ///
    /// An append says whether what was remembered still holds; a refusal does not. Where others
    /// append too, a command that would record nothing is decided again on what the log says.
    pub(super) async fn run<F: Flow>(
        &self,
        envelope: &Envelope,
        flow: &F,
    ) -> Result<Receipt, EngineError> {
        let target = flow.target(envelope);
        let mut turn = None;
        let mut lost = target.clone();
        let mut trust = Trust::Memory;
        for _ in 0..ATTEMPTS_MAX {
            let mut draft = Draft::new(self, envelope, trust, target.clone());
            let drafted = flow.draft(&mut draft).await;
            if self.store.is_shared() && trust != Trust::Log && records_nothing(&draft, &drafted) {
                trust = Trust::Log;
                continue;
            }
            trust = Trust::Seen;
            match drafted {
                Ok(()) => {}
                Err(Stop::Repeated(receipt)) => return Ok(receipt),
                Err(Stop::Failed(error)) => return Err(error),
            }
            match draft.commit().await? {
                Outcome::Done(receipt) => return Ok(receipt),
                Outcome::Lost(stream) => {
                    drop(turn.take());
                    turn = self.cache.turn(&stream).await;
                    lost = stream;
                }
            }
        }
        Err(EngineError::Raced { stream: lost, attempts: ATTEMPTS_MAX })
    }
}

/// Whether an attempt ends without an append that would tell if what it saw was old. What took
/// effect before stays so.
fn records_nothing(draft: &Draft<'_>, drafted: &Result<(), Stop>) -> bool {
    match drafted {
        Ok(()) => draft.is_empty(),
        Err(Stop::Repeated(_)) => false,
        Err(Stop::Failed(why)) => {
            matches!(why, EngineError::Rejected(_) | EngineError::ExpectedRevision { .. })
        }
    }
}
