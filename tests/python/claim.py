"""Takes one claim from filing to approval with a client generated from the public contract.

Usage: claim.py PROTO_FOLDER GENERATED_FOLDER JSON

The JSON names the address of the service, the cover, and the tokens of the people involved.
Prints `approved CLAIM` and ends with 0, or says what went wrong.
"""

import json
import pathlib
import sys
import uuid
from datetime import datetime, timezone


def generate(protos: pathlib.Path, out: pathlib.Path) -> None:
    """Compiles every file of the contract."""
    from grpc_tools import protoc
    import grpc_tools

    files = sorted(str(file) for file in (protos / "huzhu").rglob("*.proto"))
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{protos}", f"-I{well_known}", f"--python_out={out}"]
    if protoc.main([*arguments, f"--grpc_python_out={out}", *files]) != 0:
        sys.exit("the contract does not compile")
    sys.path.insert(0, str(out))


def main() -> None:
    protos, out, told = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    generate(protos, out)
    told = json.loads(told)

    import grpc
    from google.protobuf.timestamp_pb2 import Timestamp
    from google.rpc import error_details_pb2, status_pb2
    from google.type.date_pb2 import Date
    from google.type.money_pb2 import Money
    from huzhu.audit.v1 import audit_service_pb2 as audit
    from huzhu.audit.v1 import audit_service_pb2_grpc as audit_grpc
    from huzhu.command.v1 import claim_service_pb2 as command
    from huzhu.command.v1 import claim_service_pb2_grpc as command_grpc
    from huzhu.query.v1 import query_service_pb2 as query
    from huzhu.query.v1 import query_service_pb2_grpc as query_grpc
    from huzhu.query.v1 import rows_pb2 as rows
    from huzhu.type.v1 import facts_pb2 as facts

    def day(year: int, month: int, of_month: int) -> Date:
        return Date(year=year, month=month, day=of_month)

    def at(year: int, month: int, of_month: int) -> Timestamp:
        moment = Timestamp()
        moment.FromDatetime(datetime(year, month, of_month, 2, tzinfo=timezone.utc))
        return moment

    def by(token: str) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {token}")]

    channel = grpc.insecure_channel(told["address"])
    claims = command_grpc.ClaimServiceStub(channel)

    request = command.FileClaimRequest(
        request_id=str(uuid.uuid4()),
        business_time=at(2014, 11, 28),
        cover_id=told["cover"],
        facts=facts.Facts(
            incident=facts.Incident(kind=facts.INCIDENT_KIND_ILLNESS, date=day(2014, 1, 20)),
            applied_on=day(2014, 11, 28),
            diagnoses=[
                facts.Diagnosis(
                    code="C50.9",
                    severity=facts.SEVERITY_ORDINARY,
                    established_on=day(2014, 1, 20),
                )
            ],
            stays=[
                facts.Stay(
                    serial="PY-1",
                    hospital_grade=3,
                    admitted=day(2014, 2, 10),
                    discharged=day(2014, 2, 14),
                    self_pay_one=Money(currency_code="CNY", units=9000),
                )
            ],
        ),
    )
    filed = claims.FileClaim(request, metadata=by(told["filer"]), timeout=10)
    again = claims.FileClaim(request, metadata=by(told["filer"]), timeout=10)
    assert again.claim_id == filed.claim_id and again.receipt.repeated, again

    # What is refused says why, with details that a program can read.
    stays_again = command.FileClaimRequest()
    stays_again.CopyFrom(request)
    stays_again.request_id = str(uuid.uuid4())
    try:
        claims.FileClaim(stays_again, metadata=by(told["filer"]), timeout=10)
        sys.exit("the same stay was claimed twice")
    except grpc.RpcError as refused:
        assert refused.code() == grpc.StatusCode.ALREADY_EXISTS, refused
        trailers = dict(refused.trailing_metadata())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        assert info.reason == "STAY_ALREADY_CLAIMED", info
        assert info.metadata["claim"] == filed.claim_id, info

    position = filed.receipt.position
    for token in told["deciders"]:
        step = command.PassStepRequest(
            request_id=str(uuid.uuid4()),
            business_time=at(2014, 12, 5),
            claim_id=filed.claim_id,
        )
        passed = claims.PassStep(step, metadata=by(token), timeout=10)
        position = passed.receipt.position

    views = query_grpc.QueryServiceStub(channel)
    asked = query.GetClaimRequest(claim_id=filed.claim_id, at_least=position)
    shown = views.GetClaim(asked, metadata=by(told["analyst"]), timeout=10).claim
    assert shown.state == rows.CLAIM_STATE_APPROVED, shown
    assert (shown.approved.units, shown.approved.nanos) == (24208, 0), shown
    assert len(shown.decisions) == 6, shown

    audits = audit_grpc.AuditServiceStub(channel)
    replay = audit.ReplayClaimRequest(claim_id=filed.claim_id)
    history = list(audits.ReplayClaim(replay, metadata=by(told["auditor"]), timeout=10))
    assert history[0].event.name == "ClaimFiled", history[0]
    assert history[-1].event.name == "ClaimApproved", history[-1]
    print(f"approved {filed.claim_id}")


if __name__ == "__main__":
    main()
