//! Calls of any RPC with any bytes, as a careless or hostile client makes them.

use bytes::{Buf, BufMut, Bytes};
use futures::stream;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;

use crate::caller::Caller;

/// Takes and gives messages as bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Sends `messages` to an RPC of whatever kind, and waits for all of the answer.
pub async fn send(caller: &Caller, path: &str, messages: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
    send_for(caller, path, messages, usize::MAX).await
}

/// The same, for at most so many messages of an answer that may never end.
pub async fn send_for(
    caller: &Caller,
    path: &str,
    messages: Vec<Bytes>,
    most: usize,
) -> Result<Vec<Bytes>, Status> {
    let mut grpc = tonic::client::Grpc::new(caller.channel.clone());
    grpc.ready().await.map_err(|why| Status::unavailable(why.to_string()))?;
    let path: PathAndQuery = path.parse().unwrap();
    let request = caller.request(stream::iter(messages));
    let mut answers = grpc.streaming(request, path, Raw).await?.into_inner();
    let mut all = Vec::new();
    while all.len() < most
        && let Some(answer) = answers.message().await?
    {
        all.push(answer);
    }
    Ok(all)
}
