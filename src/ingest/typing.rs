//! The type of a table's column (decided once for the whole column, never cell by cell).

use serde_json::Value;

/// What every cell of a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text as it stands.
    Text,
    /// Every filled cell is a plain whole number that 64 bits hold.
    Integer,
    /// Every filled cell is a plain number, and one at least has a decimal point.
    Decimal,
}

impl ColumnType {
    /// The type of a column with these cells. A number is plain when it has no exponent, no plus
    /// sign and no leading zero but `0.`: ids such as `007` or `341e2287` stay text. A column
    /// without a filled cell is text. O(bytes).
    pub fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let mut seen = None;
        for cell in cells.filter(|cell| !is_missing(cell)) {
            match (of_cell(cell), seen) {
                (Self::Text, _) => return Self::Text,
                (Self::Decimal, _) | (_, Some(Self::Decimal)) => seen = Some(Self::Decimal),
                (other, _) => seen = Some(other),
            }
        }
        seen.unwrap_or(Self::Text)
    }

    /// A cell's value; `None` for a missing one.
    #[must_use]
    pub fn value(self, cell: &str) -> Option<Value> {
        if is_missing(cell) {
            return None;
        }
        let number = match self {
            Self::Text => None,
            Self::Integer => integer(cell),
            Self::Decimal => cell.parse::<f64>().ok().map(Value::from),
        };
        // A cell that is not of its column's type can't be here; were it, its text is the truth.
        Some(number.unwrap_or_else(|| Value::from(cell)))
    }
}

fn is_missing(cell: &str) -> bool {
    cell.trim_ascii().is_empty()
}

fn of_cell(cell: &str) -> ColumnType {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return ColumnType::Text;
    }
    match fraction {
        None if integer(cell).is_some() => ColumnType::Integer,
        Some(fraction) if all_digits(fraction) && is_finite(cell) => ColumnType::Decimal,
        _ => ColumnType::Text,
    }
}

fn integer(cell: &str) -> Option<Value> {
    let signed = cell.parse::<i64>().ok().map(Value::from);
    signed.or_else(|| cell.parse::<u64>().ok().map(Value::from))
}

fn is_finite(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_plain_numbers_or_text() {
        for text in [
            "341e2287",
            "1e5",
            "007",
            "01",
            "+5",
            "5.",
            ".5",
            "00.5",
            "NaN",
            "inf",
            "-",
            "1,5",
            " 5",
            "0x10",
            "٣",
            "--1",
            "1.2.3",
            "99999999999999999999",
        ] {
            assert_eq!(of_cell(text), ColumnType::Text, "{text}");
        }
        for text in ["0", "-0", "5", "-17", "9223372036854775808"] {
            assert_eq!(of_cell(text), ColumnType::Integer, "{text}");
        }
        for text in ["0.5", "-0.25", "10.0", "0.000"] {
            assert_eq!(of_cell(text), ColumnType::Decimal, "{text}");
        }
    }

    #[test]
    fn a_column_is_numeric_as_a_whole_or_not_at_all() {
        let of = |cells: &[&str]| ColumnType::of(cells.iter().copied());
        assert_eq!(of(&["1", "", "3"]), ColumnType::Integer);
        assert_eq!(of(&["1", "2.5", "3"]), ColumnType::Decimal);
        assert_eq!(of(&["1", "2.5", "n/a"]), ColumnType::Text);
        assert_eq!(of(&["", " "]), ColumnType::Text);
        assert_eq!(ColumnType::Integer.value("7"), Some(json!(7)));
        assert_eq!(ColumnType::Decimal.value("7"), Some(json!(7.0)));
        assert_eq!(ColumnType::Text.value("7"), Some(json!("7")));
        assert_eq!(ColumnType::Decimal.value(" "), None);
    }

    proptest! {
        #[test]
        fn integers_come_back_as_they_were(number in any::<i64>()) {
            let text = number.to_string();
            prop_assert_eq!(of_cell(&text), ColumnType::Integer);
            prop_assert_eq!(ColumnType::Integer.value(&text), Some(json!(number)));
        }

        #[test]
        fn any_cell_has_a_value_that_says_the_same(cell in "\\PC{0,12}") {
            let of = ColumnType::of([cell.as_str()].into_iter());
            match of.value(&cell) {
                None => prop_assert!(cell.trim_ascii().is_empty()),
                Some(Value::String(text)) => prop_assert_eq!(text, cell),
                Some(number) => prop_assert_eq!(number.as_f64(), cell.parse().ok()),
            }
        }
    }
}
