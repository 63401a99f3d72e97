//! What the ledger stands at.

use huzhu_domain::id::PlanCode;
use huzhu_domain::money::Money;

use super::Dialect;
use crate::record::record;

record! {
    /// What moved on the ledger (台账) under a plan in a month, and what stands when the month ends.
    LedgerBalance = "ledger_balances";
    key {
        /// The plan.
        plan: PlanCode,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// Contributions that came in in the month (互助费收入).
        contributed_fen: Money,
        /// Set aside on covers in the month (预留).
        reserved_fen: Money,
        /// Let go of in the month (释放).
        released_fen: Money,
        /// Approved in the month, and so owed (应付).
        approved_fen: Money,
        /// Paid by the bank in the month (已付).
        paid_fen: Money,
        /// Sent back by the bank in the month before it was paid (退票).
        returned_fen: Money,
        /// Taken back in the month after it was paid (追回).
        recovered_fen: Money,
        /// What came in since the beginning, less what was paid and not taken back (收支结余).
        balance_fen: Money,
        /// What stands set aside and not paid when the month ends (预留余额).
        set_aside_fen: Money,
        /// What is owed and not paid when the month ends (应付余额).
        owed_fen: Money,
    }
}

pub(super) fn ledger_balances(_: Dialect) -> String {
    let standing = |sum: &str| {
        format!(
            "(SELECT sum({sum}) FROM ledger_months AS b WHERE b.plan = m.plan AND b.month <= m.month)"
        )
    };
    format!(
        "SELECT m.plan, m.month, m.contributed_fen, m.reserved_fen, m.released_fen, m.approved_fen,
            m.paid_fen, m.returned_fen, m.recovered_fen, {} AS balance_fen, {} AS set_aside_fen,
            {} AS owed_fen
       FROM (SELECT plan, month, sum(contributed_fen) AS contributed_fen,
                    sum(reserved_fen) AS reserved_fen, sum(released_fen) AS released_fen,
                    sum(approved_fen) AS approved_fen, sum(paid_fen) AS paid_fen,
                    sum(returned_fen) AS returned_fen, sum(recovered_fen) AS recovered_fen
               FROM ledger_months GROUP BY plan, month) AS m",
        standing("contributed_fen - paid_fen + recovered_fen"),
        standing("reserved_fen - released_fen - paid_fen"),
        standing("approved_fen - paid_fen"),
    )
}
