//! What other people's programs rely on: the OpenAPI document and the table of error codes, as they
//! stand in `schemas/`. `VITRAIL_BLESS=1` writes them anew; read the difference then.
#![expect(clippy::expect_used, reason = "a test's helpers may")]
#![expect(clippy::disallowed_methods, reason = "blessing writes the schema")]

use std::path::Path;

use serde_json::{Value, json};
use vitrail_domain::Code;

fn held(name: &str, now: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
    let now = format!("{now:#}\n");
    if std::env::var("VITRAIL_BLESS").as_deref() == Ok("1") {
        std::fs::write(&path, &now).expect("written");
    }
    let stands = std::fs::read_to_string(&path).expect("a schema");
    let differs = stands.lines().zip(now.lines()).position(|(old, new)| old != new);
    assert!(
        stands == now,
        "schemas/{name} differs from line {:?} on; VITRAIL_BLESS=1 writes it anew",
        differs.map(|at| at + 1)
    );
}

#[test]
fn the_openapi_document_is_the_one_in_schemas() {
    held("openapi.json", &serde_json::to_value(vitrail_api::openapi()).expect("JSON"));
}

#[test]
fn the_table_of_error_codes_is_the_one_in_schemas() {
    let row = |code: &Code| {
        let status = vitrail_api::ApiError::new(*code, "").response("").status().as_u16();
        let (name, what, todo) = (code.name(), code.what(), code.todo());
        json!({"code": name, "status": status, "what": what, "todo": todo})
    };
    held("errors.json", &Code::ALL.iter().map(row).collect());
}
