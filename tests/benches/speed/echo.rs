//! A bare echo: the messages of the real service over the same transport, and nothing behind them.

use std::net::{SocketAddr, TcpListener};

use huzhu_grpc::contract::huzhu::command::v1 as command;
use huzhu_grpc::contract::huzhu::command::v1::claim_service_server::{
    ClaimService, ClaimServiceServer,
};
use huzhu_grpc::contract::huzhu::r#type::v1::{Receipt, ReceiptEvent};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

struct Echo;

/// Serves on a thread of its own with a current-thread runtime, as the real service does.
pub(crate) fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let routes = Server::builder().add_service(ClaimServiceServer::new(Echo));
            routes.serve_with_incoming(incoming).await.unwrap();
        });
    };
    std::thread::Builder::new().name("echo".to_owned()).spawn(serve).unwrap();
    address
}

/// A receipt as long as a real one.
fn receipt(request_id: String, events: [&str; 2]) -> Option<Receipt> {
    let events = events.map(|name| ReceiptEvent { name: name.to_owned(), revision: 0 });
    Some(Receipt {
        stream: format!("claim-{request_id}"),
        revision: Some(1),
        position: "0123456789abcdef0123456789abcdef@1234567".to_owned(),
        request_id,
        events: events.to_vec(),
        repeated: false,
    })
}

#[tonic::async_trait]
impl ClaimService for Echo {
    async fn file_claim(
        &self,
        request: Request<command::FileClaimRequest>,
    ) -> Result<Response<command::FileClaimResponse>, Status> {
        let id = request.into_inner().request_id;
        let (claim_id, case_id) = (id.clone(), id.clone());
        let receipt = receipt(id, ["ClaimFiled", "ClaimAssessed"]);
        Ok(Response::new(command::FileClaimResponse { receipt, claim_id, case_id }))
    }

    async fn pass_step(
        &self,
        request: Request<command::PassStepRequest>,
    ) -> Result<Response<command::PassStepResponse>, Status> {
        let receipt = receipt(request.into_inner().request_id, ["ClaimStepPassed", ""]);
        Ok(Response::new(command::PassStepResponse { receipt }))
    }

    async fn return_claim(
        &self,
        _: Request<command::ReturnClaimRequest>,
    ) -> Result<Response<command::ReturnClaimResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    async fn refuse_claim(
        &self,
        _: Request<command::RefuseClaimRequest>,
    ) -> Result<Response<command::RefuseClaimResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    async fn supplement_claim(
        &self,
        _: Request<command::SupplementClaimRequest>,
    ) -> Result<Response<command::SupplementClaimResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    async fn withdraw_claim(
        &self,
        _: Request<command::WithdrawClaimRequest>,
    ) -> Result<Response<command::WithdrawClaimResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    async fn preview_assessment(
        &self,
        _: Request<command::PreviewAssessmentRequest>,
    ) -> Result<Response<command::PreviewAssessmentResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}
