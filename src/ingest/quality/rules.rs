//! The committed thresholds: which number of which sign is a warning, and which a failure.

use std::sync::OnceLock;

use super::judge::Verdict;

/// The table, with the source of each number beside it.
const TABLE: &str = include_str!("thresholds.toml");

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    /// `tile`, `photo` or `grey`.
    pub kind: String,
    /// The number that is looked at.
    pub sign: String,
    /// What is wrong then, in a word.
    pub reason: String,
    warn_below: f64,
    fail_below: f64,
    warn_above: f64,
    fail_above: f64,
    /// Above it the sign is worth a look, which is no verdict.
    flag_above: f64,
    /// Another number that must be at least so large for the rule to speak.
    pub only: Option<(String, f64)>,
}

impl Rule {
    /// Whether the number is worth a look, whatever the verdict.
    pub(super) fn flags(&self, value: f64) -> bool {
        value > self.flag_above
    }

    /// What the number means.
    pub(super) fn judge(&self, value: f64) -> Verdict {
        if value < self.fail_below || value > self.fail_above {
            Verdict::Fail
        } else if value < self.warn_below || value > self.warn_above {
            Verdict::Warn
        } else {
            Verdict::Pass
        }
    }
}

/// The rules, read once.
pub(super) fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| read(TABLE).unwrap_or_default())
}

fn read(text: &str) -> Result<Vec<Rule>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let list = table.get("rule").and_then(toml::Value::as_array).ok_or("no [[rule]]")?;
    list.iter().map(rule).collect()
}

fn rule(value: &toml::Value) -> Result<Rule, String> {
    let text = |key: &str| match value.get(key).and_then(toml::Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("a rule without {key}: {value}")),
    };
    let number = |key: &str, none: f64| match value.get(key) {
        None => Ok(none),
        Some(toml::Value::Float(number)) => Ok(*number),
        Some(toml::Value::Integer(number)) => Ok(*number as f64),
        Some(_) => Err(format!("{key} is no number: {value}")),
    };
    let only = match value.get("only") {
        None => None,
        Some(_) => Some((text("only")?, number("only_from", f64::NAN)?)),
    };
    Ok(Rule {
        kind: text("kind")?,
        sign: text("sign")?,
        reason: text("reason")?,
        warn_below: number("warn_below", f64::NEG_INFINITY)?,
        fail_below: number("fail_below", f64::NEG_INFINITY)?,
        warn_above: number("warn_above", f64::INFINITY)?,
        fail_above: number("fail_above", f64::INFINITY)?,
        flag_above: number("flag_above", f64::INFINITY)?,
        only,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::judge::SIGNS;

    #[test]
    fn the_committed_table_is_read_and_names_signs_that_there_are() {
        let rules = read(TABLE).expect("the table");
        for kind in ["tile", "photo", "grey"] {
            assert!(rules.iter().filter(|rule| rule.kind == kind).count() >= 4, "{kind}");
        }
        for rule in &rules {
            assert!(["tile", "photo", "grey"].contains(&rule.kind.as_str()), "{rule:?}");
            assert!(SIGNS.contains(&rule.sign.as_str()), "{rule:?}");
            if let Some((sign, from)) = &rule.only {
                assert!(SIGNS.contains(&sign.as_str()) && from.is_finite(), "{rule:?}");
            }
            assert!(rule.fail_below <= rule.warn_below || rule.warn_below.is_infinite());
            assert!(rule.fail_above >= rule.warn_above || rule.warn_above.is_infinite());
        }
        assert!(read("[[rule]]\nkind = 'tile'").is_err() && read("x = 1").is_err());
    }
}
