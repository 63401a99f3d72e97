//! Somebody between the adapter and a node, who passes everything on until told to misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{BoxStream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::contract::event_store::client as protocol;
use crate::service::connect;
use protocol::server_features::SupportedMethods;
use protocol::server_features::server_features_client::ServerFeaturesClient;
use protocol::server_features::server_features_server::{ServerFeatures, ServerFeaturesServer};
use protocol::streams::read_req::options::CountOption;
use protocol::streams::streams_client::StreamsClient;
use protocol::streams::streams_server::{Streams, StreamsServer};
use protocol::streams::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq,
    ReadResp, TombstoneReq, TombstoneResp,
};

const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Passes what comes `near` on to `node`, byte by byte, and what comes back.
pub(crate) async fn pass_on(mut near: impl AsyncRead + AsyncWrite + Unpin, node: SocketAddr) {
    if let Ok(mut far) = TcpStream::connect(node).await {
        // However it ends, both sides see it.
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    }
}

/// Passes connections on, byte by byte, until it is cut.
pub struct Wire {
    address: SocketAddr,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Wire {
    /// A wire to `node`.
    pub async fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            // They end with the task.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(pass_on(near, node));
            }
        });
        Self { address, taken, task }
    }

    /// Where it begins.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether somebody connected by it.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.taken.load(Ordering::SeqCst) > 0
    }

    /// Cuts it: what is under way ends, and nobody gets through any more.
    pub fn cut(&self) {
        self.task.abort();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Speaks the protocol to both sides.
#[derive(Clone)]
pub struct Between {
    address: SocketAddr,
    node: SocketAddr,
    channel: Channel,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    ending_well: AtomicUsize,
    not_leading: AtomicUsize,
    subscribed: AtomicUsize,
}

fn take_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Between {
    /// Somebody before `node`.
    pub async fn before(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let channel = connect(&node.to_string());
        let between = Self { address, node, channel, faults: Arc::default() };
        let streams = StreamsServer::new(between.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let server = Server::builder()
            .add_service(streams)
            .add_service(ServerFeaturesServer::new(between.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        between
    }

    /// Where it takes calls.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the next subscriptions as if they had come to their end, which they never do.
    pub fn end_well(&self, many: usize) {
        self.faults.ending_well.store(many, Ordering::SeqCst);
    }

    /// Says of the next calls that the node behind leads.
    pub fn lead_no_more(&self, many: usize) {
        self.faults.not_leading.store(many, Ordering::SeqCst);
    }

    /// How many subscriptions were asked for.
    #[must_use]
    pub fn subscribed(&self) -> usize {
        self.faults.subscribed.load(Ordering::SeqCst)
    }

    fn lead(&self) -> Result<(), Status> {
        if !take_one(&self.faults.not_leading) {
            return Ok(());
        }
        let mut trailers = MetadataMap::new();
        trailers.insert("exception", "not-leader".parse().unwrap());
        trailers.insert("leader-endpoint-host", self.node.ip().to_string().parse().unwrap());
        trailers.insert("leader-endpoint-port", self.node.port().to_string().parse().unwrap());
        Err(Status::with_metadata(Code::NotFound, "Leader info available", trailers))
    }

    fn streams(&self) -> StreamsClient<Channel> {
        StreamsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

#[tonic::async_trait]
impl ServerFeatures for Between {
    async fn get_supported_methods(
        &self,
        _: Request<()>,
    ) -> Result<Response<SupportedMethods>, Status> {
        ServerFeaturesClient::new(self.channel.clone()).get_supported_methods(()).await
    }
}

#[tonic::async_trait]
impl Streams for Between {
    type ReadStream = BoxStream<'static, Result<ReadResp, Status>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        self.lead()?;
        let request = request.into_inner();
        let count = request.options.as_ref().and_then(|options| options.count_option);
        if let Some(CountOption::Subscription(_)) = count {
            self.faults.subscribed.fetch_add(1, Ordering::SeqCst);
            if take_one(&self.faults.ending_well) {
                return Ok(Response::new(futures::stream::empty().boxed()));
            }
        }
        Ok(Response::new(self.streams().read(request).await?.into_inner().boxed()))
    }

    async fn append(
        &self,
        request: Request<Streaming<AppendReq>>,
    ) -> Result<Response<AppendResp>, Status> {
        self.lead()?;
        let messages = request.into_inner().filter_map(|one| std::future::ready(one.ok()));
        self.streams().append(messages).await
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.streams().delete(request).await
    }

    async fn tombstone(
        &self,
        request: Request<TombstoneReq>,
    ) -> Result<Response<TombstoneResp>, Status> {
        self.streams().tombstone(request).await
    }

    type BatchAppendStream = BoxStream<'static, Result<BatchAppendResp, Status>>;

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        self.lead()?;
        let messages = request.into_inner().filter_map(|one| std::future::ready(one.ok()));
        Ok(Response::new(self.streams().batch_append(messages).await?.into_inner().boxed()))
    }
}
