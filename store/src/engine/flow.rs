//! A command as one attempt after the other.

use std::future::Future;

use crate::port::StreamName;

use super::draft::{Draft, Outcome};
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
    pub(super) async fn run<F: Flow>(
        &self,
        envelope: &Envelope,
        flow: &F,
    ) -> Result<Receipt, EngineError> {
        let target = flow.target(envelope);
        let mut turn = None;
        let mut lost = target.clone();
        for attempt in 0..ATTEMPTS_MAX {
            let mut draft = Draft::new(self, envelope, attempt > 0, target.clone());
            match flow.draft(&mut draft).await {
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
