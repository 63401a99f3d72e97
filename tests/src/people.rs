//! People with valid papers.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::wire::{Person, Sex};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A person nobody has seen before, born on a day.
#[must_use]
pub fn person(name: &str, sex: Sex, born: &str) -> Person {
    numbered(name, sex, born, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The person of a number: at most 4,990 of one sex share a birthday.
#[must_use]
pub fn numbered(name: &str, sex: Sex, born: &str, number: u32) -> Person {
    Person {
        name: name.to_owned(),
        resident_id: resident_id(sex, born, number),
        card: card(number),
        phone: "13812345678".to_owned(),
    }
}

/// A resident id (GB 11643-1999). The number goes into the region and the sequence, whose last
/// digit tells the sex.
#[must_use]
pub fn resident_id(sex: Sex, born: &str, number: u32) -> String {
    let odd = u32::from(sex == Sex::Male);
    let sequence = (number % 499) * 2 + odd;
    let region = 110_101 + (number / 499) % 100;
    let body = format!("{region}{}{sequence:03}", born.replace('-', ""));
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: usize =
        body.bytes().zip(weights).map(|(digit, weight)| usize::from(digit - b'0') * weight).sum();
    format!("{body}{}", &"10X98765432"[sum % 11..=sum % 11])
}

/// A card number with its check digit (Luhn).
#[must_use]
pub fn card(number: u32) -> String {
    let body = format!("622163{number:09}");
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            let doubled = if place % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use huzhu_domain::id::checked::{CardNumber, ResidentId};

    #[test]
    fn made_up_papers_are_valid_and_of_one_person() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..2_000 {
            let person = numbered("会员", Sex::Female, "1980-02-29", number);
            let id: ResidentId = person.resident_id.parse().unwrap();
            assert_eq!(id.sex(), huzhu_domain::id::checked::Sex::Female);
            person.card.parse::<CardNumber>().unwrap();
            assert!(seen.insert(person.resident_id), "{number}");
        }
    }
}
