//! What plans take in and pay out.

use huzhu_domain::id::{PlanCode, VersionLabel};
use huzhu_domain::money::Money;
use rust_decimal::Decimal;

use super::Dialect;
use crate::record::record;

record! {
    /// What came in and went out under a plan version, by district and month (计划统计).
    PlanFigures = "plan_statistics";
    key {
        /// The plan.
        plan: PlanCode,
        /// The plan version.
        version: VersionLabel,
        /// The district; empty where there is none.
        district: String,
        /// The calendar month, such as 2014-07.
        month: String,
    }
    columns {
        /// Covers granted in the month (参保人次).
        covers: u32,
        /// What was contributed for them (互助费).
        contributions_fen: Money,
        /// Covers whose first day lies in the month.
        starting: u32,
        /// Covers that are over since a day of the month.
        ending: u32,
        /// Claims filed in the month (申请件数).
        filed: u32,
        /// Claims approved in the month (批准件数).
        approved: u32,
        /// What was approved for them.
        approved_fen: Money,
        /// Claims turned down in the month (拒绝件数).
        refused: u32,
        /// Claims taken back in the month (撤回件数).
        withdrawn: u32,
        /// Payments in the month (给付人次).
        payments: u32,
        /// Persons who were paid in the month, each counted once (给付人数).
        persons: u32,
        /// What was paid in the month (互助金).
        benefits_fen: Money,
        /// Payments taken back in the month (追回人次).
        reversals: u32,
        /// What was taken back in the month (追回金额).
        recovered_fen: Money,
        /// What was paid in the month less what was taken back.
        net_benefits_fen: Money,
        /// Net benefits over contributions (赔付率) of the month, to four places; nothing where
        /// nothing was contributed. Over a longer span: sum both, then divide.
        loss_ratio: Option<Decimal>,
        /// Days from filing to payment, added up over the payments of the month.
        days_to_payment: i64,
        /// Days from filing to payment on average (平均给付天数), to one place; nothing where nothing
        /// was paid.
        average_days_to_payment: Option<Decimal>,
    }
}

pub(super) fn plan_statistics(dialect: Dialect) -> String {
    let loss_ratio = dialect.ratio("net_benefits_fen", "contributions_fen", 4);
    let average_days = dialect.ratio("days_to_payment", "payments", 1);
    format!(
        "SELECT plan, version, district, month, covers, contributions_fen, starting, ending,
            filed, approved, approved_fen, refused, withdrawn, payments, persons, benefits_fen,
            reversals, recovered_fen, net_benefits_fen, {loss_ratio} AS loss_ratio,
            days_to_payment, {average_days} AS average_days_to_payment
       FROM (SELECT plan, version, district, month,
                    sum(covers) AS covers, sum(contributions_fen) AS contributions_fen,
                    sum(starting) AS starting, sum(ending) AS ending,
                    sum(filed) AS filed, sum(approved) AS approved,
                    sum(approved_fen) AS approved_fen, sum(refused) AS refused,
                    sum(withdrawn) AS withdrawn, sum(payments) AS payments,
                    sum(persons) AS persons, sum(benefits_fen) AS benefits_fen,
                    sum(reversals) AS reversals, sum(recovered_fen) AS recovered_fen,
                    sum(benefits_fen) - sum(recovered_fen) AS net_benefits_fen,
                    sum(days_to_payment) AS days_to_payment
               FROM (SELECT plan, version, district, month, covers, contributions_fen, starting,
                            ending, 0 AS filed, 0 AS approved, 0 AS approved_fen, 0 AS refused,
                            0 AS withdrawn, 0 AS payments, 0 AS persons, 0 AS benefits_fen,
                            0 AS reversals, 0 AS recovered_fen, 0 AS days_to_payment
                       FROM enrolment_statistics
                     UNION ALL
                     SELECT plan, version, district, month, 0, 0, 0, 0, filed, approved,
                            approved_fen, refused, withdrawn, payments, persons, benefits_fen,
                            reversals, recovered_fen, days_to_payment
                       FROM benefit_statistics) AS months
              GROUP BY plan, version, district, month) AS sums"
    )
}
