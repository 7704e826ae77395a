//! An answer -> one result a picture.

use serde_json::Value;
use vitrail_domain::MultiVector;
use vitrail_domain::limits::{DIM_MAX, MULTI_ROWS_MAX, SOURCE_MESSAGE_BYTES_MAX};

use super::container::{Container, Piece};
use crate::error::SourceError;

/// What became of one picture.
pub(crate) type Outcome = Result<MultiVector, SourceError>;

/// The outcomes of a request for these pieces.
///
/// # Errors
/// The request as a whole was refused, which is told with status 200 too; or an answer that is
/// none.
pub(crate) fn outcomes(
    uri: &str,
    container: Container,
    pieces: &[Piece<'_>],
    body: &[u8],
) -> Result<Vec<Outcome>, SourceError> {
    let unreadable = |why: String| SourceError::Answer { uri: uri.to_owned(), why };
    let answer: Value =
        serde_json::from_slice(body).map_err(|error| unreadable(format!("no JSON: {error}")))?;
    if let Some(error) = answer.get("error") {
        return Err(refused(error));
    }
    let predictions = answer.get("predictions").and_then(Value::as_array);
    let predictions = predictions.ok_or_else(|| unreadable("it has no predictions".to_owned()))?;
    if predictions.len() != pieces.len() {
        let why = format!("{} predictions for {} instances", predictions.len(), pieces.len());
        return Err(unreadable(why));
    }
    let outcome = |(prediction, piece): (&Value, &Piece<'_>)| match prediction.get("error") {
        Some(error) => Err(refused(error)),
        None => container
            .vectors(*piece, prediction)
            .ok_or_else(|| "a prediction has no embedding".to_owned())
            .and_then(rows)
            .map_err(unreadable),
    };
    Ok(predictions.iter().zip(pieces).map(outcome).collect())
}

/// An error as a text, or as an object with a code and a description (Vertex itself: a message).
fn refused(error: &Value) -> SourceError {
    let text = |key: &str| {
        let value = error.get(key)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let code = error.as_str().map(str::to_owned).or_else(|| text("code"));
    let message = text("description").or_else(|| text("message"));
    let short = |text: Option<String>, otherwise: &str| -> String {
        let text = text.unwrap_or_else(|| otherwise.to_owned());
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        clean.take(SOURCE_MESSAGE_BYTES_MAX).collect()
    };
    SourceError::Refused { code: short(code, "no code"), message: short(message, "no description") }
}

fn rows(value: &Value) -> Result<MultiVector, String> {
    let list = value.as_array().ok_or("an embedding is no list")?;
    let rows: Vec<Vec<f32>> = if list.first().is_some_and(Value::is_array) {
        list.iter().map(numbers).collect::<Result<_, _>>()?
    } else {
        vec![numbers(value)?]
    };
    if rows.len() > MULTI_ROWS_MAX {
        return Err(format!("an embedding has more than {MULTI_ROWS_MAX} rows"));
    }
    MultiVector::of_rows(&rows).map_err(|error| format!("an embedding: {error}"))
}

fn numbers(value: &Value) -> Result<Vec<f32>, String> {
    let list = value.as_array().ok_or("an embedding's row is no list")?;
    if list.is_empty() || list.len() > DIM_MAX {
        return Err(format!("an embedding has {} numbers; 1 to {DIM_MAX} are", list.len()));
    }
    let number = |value: &Value| {
        let number = value.as_f64().map(|number| number as f32);
        number.filter(|number| number.is_finite()).ok_or("an embedding holds what is no number")
    };
    Ok(list.iter().map(number).collect::<Result<_, _>>()?)
}
