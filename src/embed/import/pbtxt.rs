//! Triton's `config.pbtxt`: names, types and shapes, and nothing of how pictures are prepared.

use super::Facts;
use crate::vocabulary::Layout;

/// Messages within each other: a configuration has three.
const DEPTH_MAX: usize = 16;

/// A field of a text message: its name and what it holds.
enum Field {
    Word(String, String),
    Message(String, Vec<Field>),
}

pub(super) fn triton(text: &str, facts: &mut Facts) -> Result<(), String> {
    let words = words(text)?;
    let mut words = words.iter().map(String::as_str).peekable();
    let fields = message(&mut words, 0)?;
    for field in &fields {
        match field {
            Field::Word(key, value) if key == "name" => facts.name = Some(value.clone()),
            Field::Word(key, value) if key == "max_batch_size" => {
                facts.max_batch = value.parse().ok().filter(|&batch| batch > 0);
            }
            Field::Message(key, input) if key == "input" => of_input(input, facts),
            Field::Message(key, output) if key == "output" => {
                if facts.output.is_none() {
                    facts.output = word(output, "name");
                    facts.dim = dims(output).last().copied().filter(|&dim| dim > 0).or(facts.dim);
                } else if let Some(name) = word(output, "name") {
                    facts.notes.push(format!("output {name} is left out"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn of_input(input: &[Field], facts: &mut Facts) {
    let dims = dims(input);
    if dims.len() < 3 {
        let name = word(input, "name").unwrap_or_default();
        return facts.notes.push(format!("input {name} {dims:?} is no picture: left out"));
    }
    facts.input = word(input, "name");
    let nhwc = word(input, "format").is_some_and(|format| format == "FORMAT_NHWC")
        || dims.last() == Some(&3);
    facts.layout = Some(if nhwc { Layout::Nhwc } else { Layout::Nchw });
    let height = if nhwc { dims.len() - 3 } else { dims.len() - 2 };
    let side = dims.get(height).and_then(|&side| u32::try_from(side).ok());
    facts.side = side.filter(|&side| side > 0).or(facts.side);
    if let Some(kind) = word(input, "data_type").filter(|kind| kind != "TYPE_FP32") {
        facts.notes.push(format!("tensor.dtype: the input holds {kind}"));
    }
}

fn word(fields: &[Field], wanted: &str) -> Option<String> {
    fields.iter().find_map(|field| match field {
        Field::Word(key, value) if key == wanted => Some(value.clone()),
        _ => None,
    })
}

fn dims(fields: &[Field]) -> Vec<usize> {
    let numbers = fields.iter().filter_map(|field| match field {
        Field::Word(key, value) if key == "dims" => Some(value.parse().unwrap_or(0)),
        _ => None,
    });
    numbers.collect()
}

/// Names, numbers, strings and brackets; comments and separators left out.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            '#' => while chars.next_if(|&c| c != '\n').is_some() {},
            '{' | '}' | '[' | ']' | ':' => {
                words.push(c.to_string());
                chars.next();
            }
            '"' | '\'' => {
                chars.next();
                let mut word = String::new();
                while let Some(inner) = chars.next_if(|&inner| inner != c) {
                    word.push(inner);
                }
                chars.next().ok_or("a string without an end")?;
                words.push(word);
            }
            c if c.is_whitespace() || c == ',' || c == ';' => {
                chars.next();
            }
            _ => {
                let mut word = String::new();
                let plain = |c: &char| !c.is_whitespace() && !"{}[]:,;#\"'".contains(*c);
                while let Some(c) = chars.next_if(plain) {
                    word.push(c);
                }
                words.push(word);
            }
        }
    }
    Ok(words)
}

/// Fields up to the closing bracket, or the end.
fn message<'a, I: Iterator<Item = &'a str>>(
    words: &mut std::iter::Peekable<I>,
    depth: usize,
) -> Result<Vec<Field>, String> {
    if depth > DEPTH_MAX {
        return Err(format!("more than {DEPTH_MAX} messages within each other"));
    }
    let mut fields = Vec::new();
    while let Some(name) = words.next_if(|&word| word != "}" && word != "]") {
        words.next_if_eq(&":");
        value(words, name, depth, &mut fields)?;
    }
    Ok(fields)
}

fn value<'a, I: Iterator<Item = &'a str>>(
    words: &mut std::iter::Peekable<I>,
    name: &str,
    depth: usize,
    fields: &mut Vec<Field>,
) -> Result<(), String> {
    let ends = || format!("{name}: the file ends");
    match words.next().ok_or_else(ends)? {
        "{" => {
            fields.push(Field::Message(name.to_owned(), message(words, depth + 1)?));
            words.next_if_eq(&"}").ok_or_else(ends)?;
        }
        "[" => {
            while words.peek().ok_or_else(ends)? != &"]" {
                if depth > DEPTH_MAX {
                    return Err(format!("more than {DEPTH_MAX} lists within each other"));
                }
                value(words, name, depth + 1, fields)?;
            }
            words.next();
        }
        word => fields.push(Field::Word(name.to_owned(), word.to_owned())),
    }
    Ok(())
}
