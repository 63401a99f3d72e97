use proptest::prelude::*;

use super::*;

#[test]
fn resident_ids_of_the_standard_are_taken() {
    for (text, sex, born) in [
        ("110101202311012176", Sex::Male, "2023-11-01"),
        ("11010519491231002X", Sex::Female, "1949-12-31"),
        ("110228198506150022", Sex::Female, "1985-06-15"),
        ("110101199003071233", Sex::Male, "1990-03-07"),
    ] {
        let id: ResidentId = text.parse().unwrap();
        assert_eq!((id.sex(), id.born().to_string().as_str()), (sex, born));
    }
}

#[test]
fn a_resident_id_that_does_not_hold_is_refused_without_being_repeated() {
    let refused = |text: &str| text.parse::<ResidentId>().unwrap_err();
    assert_eq!(refused("110101202311012171"), CheckError::CheckDigit);
    assert_eq!(refused("11010119900230123X"), CheckError::BirthDate);
    assert_eq!(refused("110101900307123"), CheckError::Length { expected: "18", length: 15 });
    assert!(matches!(refused("11010119900307123x"), CheckError::Character { place: 18, .. }));
    assert!(matches!(refused("1101011990030712３3"), CheckError::Character { place: 17, .. }));
    assert!(!format!("{:?}", "110101199003071233".parse::<ResidentId>()).contains("1990"));
}

#[test]
fn credit_codes_of_the_standard_are_taken() {
    for text in ["91350100M000100Y43", "91110108551385082Q", "911100000000002600", "12345678X"] {
        assert!(text.parse::<CreditCode>().is_ok(), "{text}");
    }
    assert_eq!("91350100M000100Y4A".parse::<CreditCode>(), Err(CheckError::CheckDigit));
    assert!(matches!(
        "91350100I000100Y43".parse::<CreditCode>(),
        Err(CheckError::Character { place: 9, .. })
    ));
    assert!("".parse::<CreditCode>().is_err());
}

#[test]
fn card_numbers_pass_luhn() {
    for text in ["6221630000000004", "6214200000000000017"] {
        assert!(text.parse::<CardNumber>().is_ok(), "{text}");
    }
    assert_eq!("6221630000000005".parse::<CardNumber>(), Err(CheckError::CheckDigit));
    assert!("62216300000000".parse::<CardNumber>().is_err());
}

#[test]
fn diagnoses_have_the_form_of_icd_10_and_nest() {
    let code = |text: &str| text.parse::<Icd10>().unwrap();
    assert!(code("C54.1").is_within(&code("C54")));
    assert!(code("C54").is_within(&code("C54")));
    assert!(!code("C54").is_within(&code("C54.1")));
    assert!(!code("C50").is_within(&code("C54")));
    for text in ["", "c50", "C5", "C500", "C50.", "50", "C50 ", "Ｃ50", "C50.1234"] {
        assert!(text.parse::<Icd10>().is_err(), "{text:?}");
    }
}

#[test]
fn telephone_numbers_have_one_of_two_forms() {
    assert!("13812345678".parse::<Phone>().is_ok() && "010-12345678".parse::<Phone>().is_ok());
    for text in ["", "1381234567", "23812345678", "10-12345678", "电话"] {
        assert!(text.parse::<Phone>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_slip_of_one_digit_in_a_resident_id_is_found(place in 0..17_usize, by in 1..10_u32) {
        let good = "110228198506150022";
        let slip: String = good
            .chars()
            .enumerate()
            .map(|(at, c)| match c.to_digit(10) {
                Some(d) if at == place => char::from_digit(d.wrapping_add(by).wrapping_rem(10), 10).unwrap(),
                _ => c,
            })
            .collect();
        prop_assert!(slip.parse::<ResidentId>().is_err());
    }

    #[test]
    fn no_text_makes_a_check_panic(text in "\\PC{0,24}") {
        let _ = (text.parse::<ResidentId>(), text.parse::<CreditCode>(), text.parse::<Phone>());
        let _ = (text.parse::<CardNumber>(), text.parse::<Icd10>());
    }
}
