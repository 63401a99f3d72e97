//! Every event of every aggregate, as one type: what the log as a whole says.

use crate::event::{StoredEvent, Unreadable};
use crate::{
    approval_policy, batch, claim, cover, enrolment, member, organisation, payout, plan,
    reservation, roster,
};

/// Implements [`Event`] over the events of the aggregates, each of which knows its own names.
macro_rules! histories {
    ($($(#[$doc:meta])* $aggregate:ident($event:ty)),+ $(,)?) => {
        /// One event of the log.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $($(#[$doc])* $aggregate($event)),+ }

        impl Event {
            /// The names and versions that each aggregate writes.
            pub const NAMES: &'static [&'static [(&'static str, u32)]] =
                &[$(<$event as StoredEvent>::NAMES),+];

            /// Reads an event of any aggregate.
            ///
            /// # Errors
            ///
            /// [`Unreadable`] for a name, version or body that this program does not know.
            pub fn decode(name: &str, version: u32, body: &[u8]) -> Result<Self, Unreadable> {
                $(if <$event as StoredEvent>::knows(name) {
                    return <$event as StoredEvent>::decode(name, version, body).map(Self::$aggregate);
                })+
                Err(Unreadable::UnknownType { name: name.to_owned() })
            }

            /// The name the log stores.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$aggregate(event) => event.name()),+ }
            }

            /// The version of the body that [`Self::encode`] writes.
            #[must_use]
            pub fn version(&self) -> u32 {
                match self { $(Self::$aggregate(event) => event.version()),+ }
            }

            /// The JSON body.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Self::$aggregate(event) => event.encode()),+ }
            }
        }

        $(impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$aggregate(event)
            }
        })+
    };
}

histories! {
    /// What protection is on offer.
    Plan(plan::Event),
    /// Which steps claims need.
    ApprovalPolicy(approval_policy::Event),
    /// Who takes part.
    Organisation(organisation::Event),
    /// What is unique.
    Reservation(reservation::Event),
    /// Who is protected.
    Member(member::Event),
    /// Which terms a member holds.
    Enrolment(enrolment::Event),
    /// Who enrols together.
    Roster(roster::Event),
    /// What a member has a right to.
    Cover(cover::Event),
    /// What is asked for, and who decided what.
    Claim(claim::Event),
    /// What is owed, and whether it was paid.
    Payout(payout::Event),
    /// What goes to the bank together.
    Batch(batch::Event),
}
