//! Empty sheets with the headings that an import knows.

use std::path::Path;

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::columns::Field;

/// Columns whose numbers Excel would round if they were not texts.
const TEXTS: &[&str] = &["resident_id", "card", "phone", "serial", "application"];

/// Writes a workbook with a sheet `title` for `fields`, and one that says what they mean.
///
/// # Errors
///
/// [`XlsxError`] when the file cannot be written.
pub fn write(path: &Path, title: &str, fields: &[Field]) -> Result<(), XlsxError> {
    let mut book = Workbook::new();
    let (bold, text) = (Format::new().set_bold(), Format::new().set_num_format("@"));
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = book.add_worksheet();
    sheet.set_name(title)?.set_freeze_panes(1, 0)?;
    for (place, field) in (0_u16..).zip(fields) {
        sheet.set_column_width(place, 18)?;
        if TEXTS.contains(&field.name) {
            sheet.set_column_format(place, &text)?;
        } else if field.heading.ends_with("日期") || field.heading.ends_with('日') {
            sheet.set_column_format(place, &date)?;
        }
        let star = if field.needed { "*" } else { "" };
        let heading = format!("{}{star}", field.heading);
        sheet.write_string_with_format(0, place, heading, &bold)?;
    }
    let about = book.add_worksheet();
    about.set_name("说明")?.set_column_width(0, 20)?.set_column_width(1, 22)?;
    about.set_column_width(2, 8)?.set_column_width(3, 60)?;
    for (place, heading) in (0_u16..).zip(["列", "--map 中的名称", "必填", "说明"]) {
        about.write_string_with_format(0, place, heading, &bold)?;
    }
    for (row, field) in (1_u32..).zip(fields) {
        about.write_string(row, 0, field.heading)?;
        about.write_string(row, 1, field.name)?;
        about.write_string(row, 2, if field.needed { "是" } else { "" })?;
        about.write_string(row, 3, field.about)?;
    }
    book.save(path)
}
