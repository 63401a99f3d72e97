//! What a node says of itself: what it can do, and that it is alone.

use http::uri::Authority;
use tonic::{Request, Response, Status};

use super::Desk;
use super::wire::{self, UuidForm};
use super::wire_of::{gossip, persistent_subscriptions as persistent, server_features as features};
use features::server_features_server::ServerFeatures;
use features::{SupportedMethod, SupportedMethods};
use gossip::gossip_server::Gossip;
use gossip::member_info::VNodeState;
use gossip::{ClusterInfo, EndPoint, MemberInfo};
use persistent::persistent_subscriptions_server::PersistentSubscriptions;
use persistent::{ListReq, ListResp};

/// The version of the protocol that clients are to speak: without what came in 25.1.
const VERSION: &str = "24.10.0";
/// The port that a client means who names none.
const PORT: u16 = 2113;

/// Under which name the client reached the node: the one that it can reach it by.
#[derive(Clone, Debug)]
struct Reached(Authority);

/// Puts beside a request under which name its client reached the node.
pub(crate) fn reached<B>(mut request: http::Request<B>) -> http::Request<B> {
    if let Some(name) = request.uri().authority().cloned() {
        request.extensions_mut().insert(Reached(name));
    }
    request
}

#[tonic::async_trait]
impl ServerFeatures for Desk {
    async fn get_supported_methods(
        &self,
        _: Request<()>,
    ) -> Result<Response<SupportedMethods>, Status> {
        let method = |service: &str, name: &str, features: &[&str]| SupportedMethod {
            method_name: name.to_owned(),
            service_name: format!("event_store.client.{service}"),
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
        };
        let mut methods = vec![
            method("streams.streams", "read", &["position", "events"]),
            method("gossip.gossip", "read", &[]),
            method("server_features.serverfeatures", "getsupportedmethods", &[]),
        ];
        if self.appending.is_some() {
            methods.push(method("streams.streams", "append", &[]));
            methods.push(method("streams.streams", "batchappend", &["deadline_duration"]));
        }
        let event_store_server_version = VERSION.to_owned();
        Ok(Response::new(SupportedMethods { methods, event_store_server_version }))
    }
}

#[tonic::async_trait]
impl Gossip for Desk {
    async fn read(&self, request: Request<()>) -> Result<Response<ClusterInfo>, Status> {
        let reached = request.extensions().get::<Reached>();
        let (address, port) = reached.map_or_else(
            || ("localhost".to_owned(), PORT),
            |Reached(name)| (name.host().to_owned(), name.port_u16().unwrap_or(PORT)),
        );
        let alone = MemberInfo {
            instance_id: Some(UuidForm::Text.of(self.store.id().0)),
            time_stamp: wire::ticks(self.clock.now()),
            state: VNodeState::Leader.into(),
            is_alive: true,
            http_end_point: Some(EndPoint { address, port: port.into() }),
        };
        Ok(Response::new(ClusterInfo { members: vec![alone] }))
    }
}

#[tonic::async_trait]
impl PersistentSubscriptions for Desk {
    async fn list(&self, _: Request<ListReq>) -> Result<Response<ListResp>, Status> {
        Ok(Response::new(ListResp { subscriptions: Vec::new() }))
    }
}
