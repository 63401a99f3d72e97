//! Organisations, the people who act for them, and how many workers they count.

use std::collections::BTreeSet;

use huzhu_domain::event::StoredEvent;
use huzhu_domain::id::{MemberId, OrganisationId, Subject};
use huzhu_domain::organisation::{
    Event, HandlerCertified, HandlerRegistered, HandlerReinstated, HandlerSuspended, Registered,
    WorkersCounted,
};
use huzhu_domain::step::{Duty, Level};

use jiff::civil::Date;

use crate::projection::{Arrived, Poison, Projection, Stop, follows, id_of, known, month, up};
use crate::record::record;
use crate::rows::{Buffer, Rows, Source};
use crate::value::Json;

record! {
    /// An organisation (工会).
    Organisation = "organisations";
    key {
        /// Its id.
        organisation: OrganisationId,
    }
    columns {
        /// unit, township, district or office.
        level: Level,
        /// Its name in Chinese.
        name_zh: String,
        /// Its name in English, if it has one.
        name_en: Option<String>,
        /// The next organisation up; the office has none.
        parent: Option<OrganisationId>,
        /// The district it belongs to, itself included.
        district: Option<OrganisationId>,
        /// Its unified social credit code (统一社会信用代码).
        credit_code: Option<String>,
        /// Whether it has a union that pays dues.
        has_union: bool,
        /// How many workers it has by the last count, members or not.
        workers: u32,
        /// The day of that count.
        counted_on: Date,
        /// How many people were ever registered to act for it.
        handlers: u32,
        /// When it was registered.
        registered_on: Date,
        /// The revision of its stream that the row reflects.
        revision: u64,
    }
    index { "parent", "district, level" }
}

record! {
    /// A person who acts for an organisation (经办人), by staff number.
    Handler = "handlers";
    key {
        /// The organisation.
        organisation: OrganisationId,
        /// The staff number.
        handler: Subject,
    }
    columns {
        /// The member that the person is, if told.
        member: Option<MemberId>,
        /// What the person may do.
        duties: Json<BTreeSet<Duty>>,
        /// From when on.
        registered_on: Date,
        /// Since when the person is suspended, if so.
        suspended_since: Option<Date>,
        /// The last day of the certificate that holds longest.
        certified_until: Option<Date>,
    }
    index { "handler" }
}

record! {
    /// A certificate of a handler (培训证书).
    Certificate = "handler_certificates";
    key {
        /// The organisation.
        organisation: OrganisationId,
        /// The handler.
        handler: Subject,
        /// The number of the certificate.
        certificate: String,
    }
    columns {
        /// The first day on which it holds.
        valid_from: Date,
        /// The last day on which it holds.
        valid_until: Date,
    }
}

record! {
    /// How many workers an organisation counted on a day.
    WorkerCount = "worker_counts";
    key {
        /// The organisation.
        organisation: OrganisationId,
        /// The day of the count.
        counted_on: Date,
    }
    columns {
        /// How many.
        workers: u32,
    }
}

record! {
    /// How the number of workers of a district's units changed, by month of the count.
    WorkerStatistic = "worker_statistics";
    key {
        /// The district; empty for units of none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// How many more workers there were by the counts of the month, or fewer.
        change: i64,
    }
}

/// Keeps organisations and their handlers.
#[derive(Default)]
pub struct Organisations {
    organisations: Rows<Organisation>,
    handlers: Rows<Handler>,
    certificates: Rows<Certificate>,
    counts: Rows<WorkerCount>,
    workers: Rows<WorkerStatistic>,
}

impl Projection for Organisations {
    fn name(&self) -> &'static str {
        "organisations"
    }

    fn version(&self) -> u32 {
        1
    }

    fn takes(&self, event: &str) -> bool {
        Event::knows(event)
    }

    fn owns(&self, category: &str) -> bool {
        category == "organisation"
    }

    fn fold(&mut self, event: &Arrived, source: &mut dyn Source) -> Result<(), Stop> {
        let id: OrganisationId = id_of(&event.stream)?;
        let body = Event::decode(&event.name, event.version, &event.data)?;
        if let Event::Registered(registered) = body {
            return self.registered(registered, event, source);
        }
        let row = known(self.organisations.edit(&(id.clone(),), source)?, "the organisation")?;
        row.revision = follows(Some(row.revision), event)?;
        match body {
            Event::WorkersCounted(body) => self.counted(id, &body, source),
            Event::HandlerRegistered(body) => self.handler_registered(id, body, source),
            Event::HandlerCertified(body) => self.certified(id, body, source),
            Event::HandlerSuspended(body) => self.suspended(id, &body, source),
            Event::HandlerReinstated(body) => self.reinstated(id, &body, source),
            Event::Registered(_) => Ok(()),
        }
    }

    fn buffers(&mut self) -> Vec<&mut dyn Buffer> {
        vec![
            &mut self.organisations,
            &mut self.handlers,
            &mut self.certificates,
            &mut self.counts,
            &mut self.workers,
        ]
    }
}

impl Organisations {
    fn registered(
        &mut self,
        body: Registered,
        event: &Arrived,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let revision = follows(None, event)?;
        let count = WorkersCounted { workers: body.workers, on: body.on };
        self.organisations.create(Organisation {
            organisation: body.id.clone(),
            level: body.level,
            name_zh: body.name.zh,
            name_en: body.name.en,
            parent: body.parent.map(|parent| parent.id),
            district: body.district,
            credit_code: body.credit_code.map(|code| code.as_str().to_owned()),
            has_union: body.has_union,
            workers: 0,
            counted_on: body.on,
            handlers: 0,
            registered_on: body.on,
            revision,
        })?;
        self.counted(body.id, &count, source)
    }

    fn counted(
        &mut self,
        id: OrganisationId,
        body: &WorkersCounted,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.organisations.edit(&(id.clone(),), source)?, "the organisation")?;
        let before = std::mem::replace(&mut row.workers, body.workers);
        row.counted_on = body.on;
        if row.level == Level::Unit {
            let district = row.district.as_ref().map_or_else(String::new, ToString::to_string);
            let key = (district, month(body.on));
            let statistic = self.workers.edit_or(&key, source, || {
                let (district, month) = key.clone();
                WorkerStatistic { district, month, change: 0 }
            })?;
            let change = i64::from(body.workers).saturating_sub(i64::from(before));
            let sum = statistic.change.checked_add(change);
            statistic.change = sum.ok_or(Poison::Count { what: "the workers of a district" })?;
        }
        // The last count of a day is the one that holds.
        let count = self.counts.edit_or(&(id.clone(), body.on), source, || WorkerCount {
            organisation: id,
            counted_on: body.on,
            workers: 0,
        })?;
        count.workers = body.workers;
        Ok(())
    }

    fn handler_registered(
        &mut self,
        id: OrganisationId,
        body: HandlerRegistered,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let row = known(self.organisations.edit(&(id.clone(),), source)?, "the organisation")?;
        up(&mut row.handlers, "the handlers of an organisation")?;
        self.handlers.create(Handler {
            organisation: id,
            handler: body.handler,
            member: body.member,
            duties: Json(body.duties),
            registered_on: body.on,
            suspended_since: None,
            certified_until: None,
        })?;
        Ok(())
    }

    fn certified(
        &mut self,
        id: OrganisationId,
        body: HandlerCertified,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let (from, until) = (body.period.start(), body.period.end());
        let key = (id, body.handler);
        let handler = known(self.handlers.edit(&key, source)?, "the handler")?;
        handler.certified_until = handler.certified_until.max(Some(until));
        let (organisation, handler) = key;
        let key = (organisation, handler, body.certificate);
        let certificate = self.certificates.edit_or(&key, source, || Certificate {
            organisation: key.0.clone(),
            handler: key.1.clone(),
            certificate: key.2.clone(),
            valid_from: from,
            valid_until: until,
        })?;
        certificate.valid_from = from;
        certificate.valid_until = until;
        Ok(())
    }

    fn suspended(
        &mut self,
        id: OrganisationId,
        body: &HandlerSuspended,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let key = (id, body.handler.clone());
        known(self.handlers.edit(&key, source)?, "the handler")?.suspended_since = Some(body.on);
        Ok(())
    }

    fn reinstated(
        &mut self,
        id: OrganisationId,
        body: &HandlerReinstated,
        source: &mut dyn Source,
    ) -> Result<(), Stop> {
        let key = (id, body.handler.clone());
        known(self.handlers.edit(&key, source)?, "the handler")?.suspended_since = None;
        Ok(())
    }
}
