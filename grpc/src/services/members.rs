//! Members.

use huzhu_domain::id::{MemberId, OrganisationId};
use huzhu_domain::member::Person;
use huzhu_store::engine::RegisterMember;
use tonic::{Request, Response, Status};

use super::{Desk, all, receipt};
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::r#type::v1 as wire;
use crate::wire::Check;
use command::member_service_server::MemberService;

/// The longest name of a person.
const NAME_MAX: usize = 80;

#[tonic::async_trait]
impl MemberService for Desk {
    async fn register_member(
        &self,
        request: Request<command::RegisterMemberRequest>,
    ) -> Result<Response<command::RegisterMemberResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let person = check.message("person", request.person, person);
        let unit = check.parse("unit_id", &request.unit_id);
        let class = check.choice("class", request.class);
        let fields = all!(envelope, person, unit, class);
        let (envelope, person, unit, class) = check.finish(fields)?;
        let resident_key = self.0.residents.hash(&person.resident_id);
        let resident_key = resident_key.ok_or_else(crate::status::down)?;
        let insured = request.insured;
        let member_id = MemberId::of(envelope.command).to_string();
        let member = RegisterMember { person, resident_key, unit, class, insured };
        let receipt = receipt(self.0.engine.register_member(&envelope, member).await)?;
        Ok(Response::new(command::RegisterMemberResponse { receipt, member_id }))
    }

    async fn correct_member(
        &self,
        request: Request<command::CorrectMemberRequest>,
    ) -> Result<Response<command::CorrectMemberResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let member = check.parse("member_id", &request.member_id);
        let nothing = request.name.is_none() && request.card.is_none() && request.phone.is_none();
        if nothing {
            check.fail::<()>("name", "name, card or phone must be there");
        }
        let name = match request.name {
            Some(name) => check.text("name", name, 1..=NAME_MAX).map(Some),
            None => Some(None),
        };
        let card = match request.card {
            Some(card) => check.parse("card", &card).map(Some),
            None => Some(None),
        };
        let phone = match request.phone {
            Some(phone) => check.parse("phone", &phone).map(Some),
            None => Some(None),
        };
        let fields = all!(envelope, member, name, card, phone);
        let (envelope, member, name, card, phone) = check.finish(fields)?;
        let engine = &self.0.engine;
        let receipt = receipt(engine.correct_member(&envelope, member, name, card, phone).await)?;
        Ok(Response::new(command::CorrectMemberResponse { receipt }))
    }

    async fn classify_member(
        &self,
        request: Request<command::ClassifyMemberRequest>,
    ) -> Result<Response<command::ClassifyMemberResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let member = check.parse("member_id", &request.member_id);
        let class = check.choice("class", request.class);
        let (envelope, member, class) = check.finish(all!(envelope, member, class))?;
        let receipt = receipt(self.0.engine.classify_member(&envelope, member, class).await)?;
        Ok(Response::new(command::ClassifyMemberResponse { receipt }))
    }

    async fn transfer_member(
        &self,
        request: Request<command::TransferMemberRequest>,
    ) -> Result<Response<command::TransferMemberResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let member = check.parse("member_id", &request.member_id);
        let unit = check.parse::<OrganisationId>("unit_id", &request.unit_id);
        let (envelope, member, unit) = check.finish(all!(envelope, member, unit))?;
        let receipt = receipt(self.0.engine.transfer_member(&envelope, member, unit).await)?;
        Ok(Response::new(command::TransferMemberResponse { receipt }))
    }

    async fn retire_member(
        &self,
        request: Request<command::RetireMemberRequest>,
    ) -> Result<Response<command::RetireMemberResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let member = check.parse("member_id", &request.member_id);
        let on = check.date_or_none("on", request.on);
        let (envelope, member, on) = check.finish(all!(envelope, member, on))?;
        let on = on.unwrap_or_else(|| envelope.on());
        let receipt = receipt(self.0.engine.retire_member(&envelope, member, on).await)?;
        Ok(Response::new(command::RetireMemberResponse { receipt }))
    }

    async fn record_death(
        &self,
        request: Request<command::RecordDeathRequest>,
    ) -> Result<Response<command::RecordDeathResponse>, Status> {
        let (request, mut check, envelope) = self.open(request)?;
        let member = check.parse("member_id", &request.member_id);
        let on = check.date_or_none("on", request.on);
        let (envelope, member, on) = check.finish(all!(envelope, member, on))?;
        let on = on.unwrap_or_else(|| envelope.on());
        let receipt = receipt(self.0.engine.record_death(&envelope, member, on).await)?;
        Ok(Response::new(command::RecordDeathResponse { receipt }))
    }
}

fn person(check: &mut Check, person: wire::Person) -> Option<Person> {
    let name = check.text("name", person.name, 1..=NAME_MAX);
    let resident_id = check.parse("resident_id", &person.resident_id);
    let card = check.parse_or_none("card", &person.card);
    let phone = check.parse_or_none("phone", &person.phone);
    Some(Person { name: name?, resident_id: resident_id?, card: card?, phone: phone? })
}
