//! Calls of any RPC with any bytes, as no generated client would make them.

use bytes::{Buf, BufMut};
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::Service;

/// Messages as bytes.
#[derive(Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// One RPC of the contract.
pub(super) struct Rpc {
    pub(super) path: String,
    pub(super) input: String,
}

/// The contract, to walk through.
pub(super) struct Contract(FileDescriptorSet);

impl Contract {
    pub(super) fn read() -> Self {
        Self(FileDescriptorSet::decode(crate::contract::DESCRIPTORS).unwrap())
    }

    /// The RPCs of our own contract. EventStoreDB's protocol beside it refuses in its own words.
    pub(super) fn rpcs(&self) -> Vec<Rpc> {
        let ours = self.0.file.iter().filter(|file| file.package().starts_with("huzhu."));
        let services =
            ours.flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
        services
            .flat_map(|(package, service)| {
                service.method.iter().map(move |method| Rpc {
                    path: format!("/{package}.{}/{}", service.name(), method.name()),
                    input: method.input_type().to_owned(),
                })
            })
            .collect()
    }

    /// A message by its full name, such as `.huzhu.type.v1.Facts`.
    pub(super) fn message(&self, name: &str) -> &DescriptorProto {
        let named = |package: &str, message: &&DescriptorProto| {
            format!(".{package}.{}", message.name()) == name
        };
        self.0
            .file
            .iter()
            .find_map(|file| file.message_type.iter().find(|m| named(file.package(), m)))
            .unwrap_or_else(|| panic!("{name}"))
    }
}

/// What an RPC answers to these bytes, under this value of the `authorization` header.
pub(super) async fn call(
    channel: &Channel,
    path: &str,
    token: Option<&str>,
    message: Vec<u8>,
) -> Result<(), Status> {
    let mut request = Request::new(tokio_stream::once(message));
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", token.parse().unwrap());
    }
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|why| Status::new(Code::Unknown, why.to_string()))?;
    let path = PathAndQuery::try_from(path).unwrap();
    let mut answer = grpc.streaming(request, path, Bytes).await?.into_inner();
    while answer.message().await?.is_some() {}
    Ok(())
}

impl Service {
    pub(super) async fn channel(&self) -> Channel {
        let address = format!("http://{}", self.running.address);
        Channel::from_shared(address).unwrap().connect().await.unwrap()
    }
}
