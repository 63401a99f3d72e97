//! Answers that come one after the other, made when the client takes them.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tonic::Status;

/// Makes one answer after the other.
pub(super) trait Answers: Send + 'static {
    /// What is answered with.
    type Answer: Send + 'static;

    /// The next answer; none when it is over. After an error nothing is asked for any more.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Answer>, Status>> + Send;

    /// All of them: nothing is made before the client takes it.
    fn into_stream(self) -> BoxStream<'static, Result<Self::Answer, Status>>
    where
        Self: Sized,
    {
        let next = async |answers: Option<Self>| {
            let mut answers = answers?;
            match answers.next().await {
                Ok(Some(answer)) => Some((Ok(answer), Some(answers))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        };
        stream::unfold(Some(self), next).boxed()
    }
}
