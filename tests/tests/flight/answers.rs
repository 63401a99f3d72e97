//! What a statement answers.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Decimal128Type, TimeUnit};
use huzhu_domain::envelope::Role;
use huzhu_tests::analyst::Analyst;
use huzhu_tests::story;

use super::with_two_claims;

#[test]
fn money_is_decimal_yuan_and_dates_are_dates() {
    story(async {
        let (union, position) = with_two_claims().await;
        let analyst =
            Analyst::of(&union.service, Role::Analyst).saying("huzhu-at-least", &position);
        let table = analyst
            .ask(
                "SELECT unit, state, asked, paid, approved, filed_on, paid_on, recorded_at, stays
                   FROM claims ORDER BY paid DESC",
            )
            .await
            .unwrap();
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (column, data_type) in [
            ("unit", DataType::Utf8),
            ("paid", DataType::Decimal128(18, 2)),
            ("filed_on", DataType::Date32),
            ("recorded_at", instant),
            ("stays", DataType::Int64),
        ] {
            assert_eq!(table.data_type(column), data_type, "{column}");
        }
        let rows = table.rows();
        let without_time = |row: &[String]| [&row[..7], &row[8..]].concat().join(" ");
        assert_eq!(
            without_time(&rows[0]),
            "unit paid 5800.00 800.00 800.00 2014-11-20 2014-12-12 0"
        );
        assert_eq!(without_time(&rows[1]), "unit in_review 4400.00 0.00 - 2014-11-20 - 0");
        assert_eq!(rows.len(), 2);

        let sums = analyst.ask("SELECT sum(asked) AS asked, avg(asked) FROM claims").await.unwrap();
        let asked = sums.batches[0].column(0).as_primitive::<Decimal128Type>();
        assert_eq!(asked.value_as_string(0), "10200.00");
        assert_eq!(sums.rows(), [["10200.00", "5100.000000"]]);
        let insured = "SELECT count(*) FROM members WHERE NOT insured OR state = 'died'";
        assert_eq!(analyst.rows(insured).await, [["0"]]);
    });
}

#[test]
fn columns_carry_their_meaning() {
    story(async {
        let (union, _) = with_two_claims().await;
        let analyst = Analyst::of(&union.service, Role::Analyst);
        let table = analyst.ask("SELECT paid FROM claims").await.unwrap();
        let metadata = table.schema.field(0).metadata();
        assert_eq!(metadata["ARROW:FLIGHT:SQL:TABLE_NAME"], "claims");
        assert!(!metadata["ARROW:FLIGHT:SQL:REMARKS"].is_empty());
    });
}

#[test]
fn tables_are_joined_and_views_over_them_are_read() {
    story(async {
        let (union, position) = with_two_claims().await;
        let analyst =
            Analyst::of(&union.service, Role::Analyst).saying("huzhu-at-least", &position);
        let joined = "
            SELECT m.sex, p.amount, c.paid
              FROM claims c
              JOIN members m USING (member)
              LEFT JOIN payouts p USING (claim)
             ORDER BY c.paid DESC";
        let rows = analyst.rows(joined).await;
        assert_eq!(rows, [["female", "800.00", "800.00"], ["female", "-", "0.00"]]);
        let statistics = "
            SELECT plan, sum(filed), sum(approved), sum(approved_yuan), sum(benefits)
              FROM plan_statistics GROUP BY plan HAVING sum(filed) > 0";
        let rows = analyst.rows(statistics).await;
        assert_eq!(rows, [["nuan-huzhu", "2", "1", "800.00", "800.00"]]);
        let with_window = "
            WITH ranked AS (
                SELECT claim, row_number() OVER (ORDER BY asked DESC) AS place FROM claims)
            SELECT place FROM ranked ORDER BY place";
        assert_eq!(analyst.rows(with_window).await, [["1"], ["2"]]);
    });
}

#[test]
fn an_answer_says_what_it_reflects() {
    story(async {
        let (union, position) = with_two_claims().await;
        let analyst =
            Analyst::of(&union.service, Role::Analyst).saying("huzhu-at-least", &position);
        let table = analyst.ask("SELECT count(*) FROM members").await.unwrap();
        assert_eq!(table.rows(), [["3"]]);
        let told = table.headers.get("huzhu-position").unwrap().to_str().unwrap();
        assert_eq!(table.schema.metadata()["huzhu:position"], told);
        assert_eq!(told, position);
        let recorded_at = &table.schema.metadata()["huzhu:recorded_at"];
        assert!(recorded_at.parse::<jiff::Timestamp>().is_ok(), "{recorded_at}");
    });
}

#[test]
fn what_the_database_checks_itself_gives_the_same_rows() {
    story(async {
        let (union, position) = with_two_claims().await;
        let analyst =
            Analyst::of(&union.service, Role::Analyst).saying("huzhu-at-least", &position);
        for condition in [
            "paid > 100",
            "paid >= 800.00 AND paid <= 800",
            "paid <> 0",
            "asked BETWEEN 4400 AND 5000.5",
            "state = 'paid' OR state = 'in_review'",
            "state IN ('paid', 'refused', NULL)",
            "state NOT IN ('paid', 'refused')",
            "paid_on IS NULL",
            "NOT (paid_on IS NULL)",
            "filed_on = DATE '2014-11-20'",
            "filed_on < '2014-11-21'",
            "recorded_at > TIMESTAMP '2020-01-01T00:00:00Z'",
            "recorded_at < now()",
            "paid_on > filed_on",
            "stays = 0 AND refusal IS NULL",
            "plan LIKE 'nuan%'",
            "unit = '单位'",
        ] {
            // A limit within keeps the condition from the database.
            let pushed = format!("SELECT claim FROM claims WHERE {condition} ORDER BY claim");
            let apart = format!(
                "SELECT claim FROM (SELECT * FROM claims LIMIT 1000) WHERE {condition} ORDER BY claim"
            );
            assert_eq!(analyst.rows(&pushed).await, analyst.rows(&apart).await, "{condition}");
        }
        let one = "SELECT claim FROM claims WHERE paid > 100 AND state = 'paid' LIMIT 1";
        assert_eq!(analyst.rows(one).await.len(), 1);
        let none = "SELECT claim FROM claims WHERE paid > 100 AND state = 'in_review' LIMIT 1";
        assert_eq!(analyst.rows(none).await.len(), 0);
    });
}

#[test]
fn every_relation_can_be_read_whole() {
    story(async {
        let (union, position) = with_two_claims().await;
        let auditor =
            Analyst::of(&union.service, Role::Auditor).saying("huzhu-at-least", &position);
        for relation in huzhu_projections::catalogue::relations() {
            let table = auditor.ask(&format!("SELECT * FROM {}", relation.name)).await;
            let table = table.unwrap_or_else(|status| panic!("{}: {status}", relation.name));
            assert_eq!(table.schema.fields().len(), relation.columns.len(), "{}", relation.name);
            let counted = auditor.rows(&format!("SELECT count(*) FROM {}", relation.name)).await;
            assert_eq!(counted, [[table.rows().len().to_string()]], "{}", relation.name);
        }
    });
}
