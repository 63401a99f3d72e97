//! Where a code of the ICD-10 stands in the classification.

use super::checked::Icd10;

/// The chapters (章), each with the last category that belongs to it.
const CHAPTERS: [(&str, &str); 21] = [
    ("I", "B99"),
    ("II", "D48"),
    ("III", "D89"),
    ("IV", "E90"),
    ("V", "F99"),
    ("VI", "G99"),
    ("VII", "H59"),
    ("VIII", "H95"),
    ("IX", "I99"),
    ("X", "J99"),
    ("XI", "K93"),
    ("XII", "L99"),
    ("XIII", "M99"),
    ("XIV", "N99"),
    ("XV", "O99"),
    ("XVI", "P96"),
    ("XVII", "Q99"),
    ("XVIII", "R99"),
    ("XIX", "T98"),
    ("XX", "Y98"),
    ("XXI", "Z99"),
];

impl Icd10 {
    /// Whether `chapter` is the number of a chapter, I to XXII.
    #[must_use]
    pub fn is_chapter(chapter: &str) -> bool {
        chapter == "XXII" || CHAPTERS.iter().any(|(known, _)| *known == chapter)
    }

    /// The three characters of the category (类目): `C54` of `C54.1`.
    #[must_use]
    pub fn category(&self) -> &str {
        self.as_str().get(..3).unwrap_or_default()
    }

    /// The number of the chapter (章) that the category belongs to: `II` of `C54.1`, the neoplasms.
    #[must_use]
    pub fn chapter(&self) -> &'static str {
        let category = self.category();
        // Codes for special purposes: the last chapter, between others in the alphabet.
        if category.starts_with('U') {
            return "XXII";
        }
        let found = CHAPTERS.iter().find(|(_, last)| category <= *last);
        found.map_or("XXI", |(chapter, _)| chapter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chapter(code: &str) -> &'static str {
        code.parse::<Icd10>().unwrap().chapter()
    }

    #[test]
    fn a_code_belongs_to_the_chapter_that_its_category_lies_in() {
        let codes = [
            ("A00", "I"),
            ("B99.9", "I"),
            ("C50.9", "II"),
            ("D48.9", "II"),
            ("D50", "III"),
            ("E11.9", "IV"),
            ("F32", "V"),
            ("G40", "VI"),
            ("H59.9", "VII"),
            ("H60", "VIII"),
            ("I21.9", "IX"),
            ("J18.9", "X"),
            ("K35.8", "XI"),
            ("L40", "XII"),
            ("M51.2", "XIII"),
            ("N20.0", "XIV"),
            ("O00", "XV"),
            ("P07", "XVI"),
            ("Q21", "XVII"),
            ("R07", "XVIII"),
            ("S82.6", "XIX"),
            ("T98", "XIX"),
            ("U07.1", "XXII"),
            ("V01", "XX"),
            ("Y98", "XX"),
            ("Z51.1", "XXI"),
        ];
        for (code, expected) in codes {
            assert_eq!(chapter(code), expected, "{code}");
            assert!(Icd10::is_chapter(expected));
        }
    }

    #[test]
    fn what_is_no_chapter_is_told_from_one() {
        for other in ["", "XXIII", "ii", "2", "IIII"] {
            assert!(!Icd10::is_chapter(other), "{other}");
        }
    }

    #[test]
    fn the_category_is_the_code_without_its_subdivision() {
        assert_eq!("C54.1".parse::<Icd10>().unwrap().category(), "C54");
        assert_eq!("C56".parse::<Icd10>().unwrap().category(), "C56");
    }
}
