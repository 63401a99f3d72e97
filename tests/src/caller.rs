//! Someone who calls the service, with the token that says who it is.

use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// A request of the contract that has one answer.
pub trait Rpc: Message + Clone + 'static {
    /// What it is answered with.
    type Answer: Message + Default + std::fmt::Debug + 'static;
    /// Where it is sent.
    const PATH: &'static str;
}

macro_rules! rpcs {
    ($($package:literal $types:ident {
        $($service:ident { $($method:ident($request:ident) -> $answer:ident),+ $(,)? })+
    })+) => {$($($(
        impl Rpc for crate::$types::$request {
            type Answer = crate::$types::$answer;
            const PATH: &'static str =
                concat!("/", $package, ".", stringify!($service), "/", stringify!($method));
        }
    )+)+)+};
}

rpcs! {
    "huzhu.command.v1" command {
        PlanService {
            PublishPlan(PublishPlanRequest) -> PublishPlanResponse,
            PublishApprovalPolicy(PublishApprovalPolicyRequest) -> PublishApprovalPolicyResponse,
        }
        OrganisationService {
            RegisterOrganisation(RegisterOrganisationRequest) -> RegisterOrganisationResponse,
            CountWorkers(CountWorkersRequest) -> CountWorkersResponse,
            RegisterHandler(RegisterHandlerRequest) -> RegisterHandlerResponse,
            CertifyHandler(CertifyHandlerRequest) -> CertifyHandlerResponse,
            SuspendHandler(SuspendHandlerRequest) -> SuspendHandlerResponse,
            ReinstateHandler(ReinstateHandlerRequest) -> ReinstateHandlerResponse,
        }
        MemberService {
            RegisterMember(RegisterMemberRequest) -> RegisterMemberResponse,
            CorrectMember(CorrectMemberRequest) -> CorrectMemberResponse,
            ClassifyMember(ClassifyMemberRequest) -> ClassifyMemberResponse,
            TransferMember(TransferMemberRequest) -> TransferMemberResponse,
            RetireMember(RetireMemberRequest) -> RetireMemberResponse,
            RecordDeath(RecordDeathRequest) -> RecordDeathResponse,
        }
        RosterService {
            OpenRoster(OpenRosterRequest) -> OpenRosterResponse,
            RemoveRosterMember(RemoveRosterMemberRequest) -> RemoveRosterMemberResponse,
            RecordContribution(RecordContributionRequest) -> RecordContributionResponse,
            ConfirmRoster(ConfirmRosterRequest) -> ConfirmRosterResponse,
            CancelRoster(CancelRosterRequest) -> CancelRosterResponse,
        }
        CoverService {
            GrantCover(GrantCoverRequest) -> GrantCoverResponse,
            EndCover(EndCoverRequest) -> EndCoverResponse,
        }
        ClaimService {
            FileClaim(FileClaimRequest) -> FileClaimResponse,
            PassStep(PassStepRequest) -> PassStepResponse,
            ReturnClaim(ReturnClaimRequest) -> ReturnClaimResponse,
            RefuseClaim(RefuseClaimRequest) -> RefuseClaimResponse,
            SupplementClaim(SupplementClaimRequest) -> SupplementClaimResponse,
            WithdrawClaim(WithdrawClaimRequest) -> WithdrawClaimResponse,
            PreviewAssessment(PreviewAssessmentRequest) -> PreviewAssessmentResponse,
        }
        PayoutService {
            CreateBatch(CreateBatchRequest) -> CreateBatchResponse,
            RecordBankAnswer(RecordBankAnswerRequest) -> RecordBankAnswerResponse,
            CorrectPayout(CorrectPayoutRequest) -> CorrectPayoutResponse,
            ReversePayout(ReversePayoutRequest) -> ReversePayoutResponse,
        }
    }
    "huzhu.query.v1" query {
        QueryService {
            GetMember(GetMemberRequest) -> GetMemberResponse,
            ListMembers(ListMembersRequest) -> ListMembersResponse,
            GetCover(GetCoverRequest) -> GetCoverResponse,
            ListCovers(ListCoversRequest) -> ListCoversResponse,
            GetClaim(GetClaimRequest) -> GetClaimResponse,
            ListClaims(ListClaimsRequest) -> ListClaimsResponse,
            GetPayout(GetPayoutRequest) -> GetPayoutResponse,
            ListPayouts(ListPayoutsRequest) -> ListPayoutsResponse,
            GetBatch(GetBatchRequest) -> GetBatchResponse,
            ListBatches(ListBatchesRequest) -> ListBatchesResponse,
            GetOrganisation(GetOrganisationRequest) -> GetOrganisationResponse,
            ListOrganisations(ListOrganisationsRequest) -> ListOrganisationsResponse,
            GetPlan(GetPlanRequest) -> GetPlanResponse,
            ListPlans(ListPlansRequest) -> ListPlansResponse,
            GetRoster(GetRosterRequest) -> GetRosterResponse,
            ListRosters(ListRostersRequest) -> ListRostersResponse,
            ListPlanStatistics(ListPlanStatisticsRequest) -> ListPlanStatisticsResponse,
        }
        FigureService {
            ListLedgerEntries(ListLedgerEntriesRequest) -> ListLedgerEntriesResponse,
            ListLedgerBalances(ListLedgerBalancesRequest) -> ListLedgerBalancesResponse,
            ListDiseaseStatistics(ListDiseaseStatisticsRequest) -> ListDiseaseStatisticsResponse,
            ListOrganisationGrowth(ListOrganisationGrowthRequest)
                -> ListOrganisationGrowthResponse,
            ListWorkQueue(ListWorkQueueRequest) -> ListWorkQueueResponse,
            ListHandlerActivity(ListHandlerActivityRequest) -> ListHandlerActivityResponse,
        }
    }
    "huzhu.audit.v1" audit {
        AuditService {
            ExplainAssessment(ExplainAssessmentRequest) -> ExplainAssessmentResponse,
        }
    }
}

/// Someone who calls.
#[derive(Clone)]
pub struct Caller {
    /// The connection.
    pub channel: Channel,
    token: Option<MetadataValue<Ascii>>,
}

impl Caller {
    /// A caller with `token`, or without any.
    #[must_use]
    pub fn new(channel: Channel, token: Option<&str>) -> Self {
        let token = token.map(|token| format!("Bearer {token}").parse().unwrap());
        Self { channel, token }
    }

    /// The same caller over another connection.
    #[must_use]
    pub fn over(&self, channel: Channel) -> Self {
        Self { channel, token: self.token.clone() }
    }

    /// `message` with the caller's token.
    #[must_use]
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }

    /// Sends `message` and waits for its answer.
    pub async fn call<R: Rpc>(&self, message: R) -> Result<R::Answer, Status> {
        self.send(self.request(message)).await
    }

    /// Sends a request as it is.
    pub async fn send<R: Rpc>(&self, request: Request<R>) -> Result<R::Answer, Status> {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|why| Status::unavailable(why.to_string()))?;
        let path = PathAndQuery::from_static(R::PATH);
        let codec = ProstCodec::<R, R::Answer>::default();
        Ok(grpc.unary(request, path, codec).await?.into_inner())
    }

    /// Sends `message`, which has to be taken.
    #[track_caller]
    pub fn must<R: Rpc>(&self, message: R) -> impl Future<Output = R::Answer> {
        let at = std::panic::Location::caller();
        let answer = self.call(message);
        async move {
            match answer.await {
                Ok(answer) => answer,
                Err(status) => panic!(
                    "{at}: {} was refused: {:?} {} {}",
                    R::PATH,
                    status.code(),
                    crate::reason(&status),
                    status.message()
                ),
            }
        }
    }

    /// Sends `message`, which has to be refused.
    #[track_caller]
    pub fn refused<R: Rpc>(&self, message: R) -> impl Future<Output = Status> {
        let at = std::panic::Location::caller();
        let answer = self.call(message);
        async move {
            match answer.await {
                Ok(answer) => panic!("{at}: {} was taken: {answer:?}", R::PATH),
                Err(status) => status,
            }
        }
    }
}
