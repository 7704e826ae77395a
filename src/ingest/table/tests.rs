//! Tables of every shape, and the real ones where they are.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(text: &[u8]) -> Result<Table, Refusal> {
    Table::parse(text, PathBuf::from("/t"))
}

fn refusal(text: &[u8]) -> String {
    let refusal = parse(text).expect_err("a refusal");
    assert_eq!(refusal.code, Code::TableInvalid);
    refusal.message
}

#[test]
fn columns_are_typed_and_missing_cells_left_out() {
    let text = b"\xef\xbb\xbffile,label,patient_id,age,crp,note\r\n\
                 a/1.jpg,0,007,50,1.5,\"one, \"\"two\"\"\nthree\"\r\n\
                 2.jpg,1,12,,38,\r\n";
    let table = parse(text).expect("a table");
    let fields = json!({"label": "0", "patient_id": "007", "age": 50, "crp": 1.5,
                        "note": "one, \"two\"\nthree"});
    assert_eq!(Value::Object(table.fields(0)), fields);
    let fields = json!({"label": "1", "patient_id": "12", "crp": 38.0});
    assert_eq!(Value::Object(table.fields(1)), fields);
    assert!(table.fields(0).get("age").is_some_and(Value::is_i64));
    assert_eq!(
        (table.row("./a/1.jpg"), table.row("a\\1.jpg"), table.row("1.jpg")),
        (Some(0), Some(0), None)
    );
    assert_eq!((table.len(), table.file(1)), (2, "2.jpg".to_owned()));
}

#[test]
fn roles_of_the_collection_are_text() {
    let roles = Roles([(vitrail_domain::Role::Site, PayloadPath::key("hospital"))].into());
    let text = "file,hospital,other\na,1,1\n";
    let table = parse(text.as_bytes()).expect("a table").with_roles(&roles);
    assert_eq!(table.columns(), ["hospital", "other"]);
    assert_eq!(Value::Object(table.fields(0)), json!({"hospital": "1", "other": 1}));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases: [(&[u8], &str); 10] = [
        (b"", "line 1: the table is empty"),
        (b"file,a\nx,1\ny,1,2\n", "line 3: 3 cells where the first line has 2"),
        (b"file,a\nx,1\n\"y,1\n", "line 3: 1 cells"),
        (b"name,a\nx,1\n", "no column \"file\" names the pictures; the columns are name, a"),
        (b"file;a\nx;1\n", "not parted by commas"),
        (b"file,a,a\nx,1,2\n", "two columns are called \"a\""),
        (b"file,vitrail\nx,1\n", "reserved"),
        (b"file,a\nx,1\n,2\n", "line 3: the cell in the column \"file\" is empty"),
        (b"file,a\nx,1\n./x,2\n", "line 3: \"x\" has a row already, in line 2"),
        (b"file,a\nx,\xff\n", "line 2: cell 2 is not UTF-8"),
    ];
    for (text, words) in cases {
        let message = refusal(text);
        assert!(message.contains(words), "{message}");
    }
    let long = [b"file,a\nx,".to_vec(), vec![b'y'; TABLE_CELL_BYTES_MAX + 1]].concat();
    assert!(refusal(&long).contains("more than the limit"));
    let wide = [b"file".to_vec(), b",".repeat(TABLE_COLUMNS_MAX)].concat();
    assert!(refusal(&wide).contains("columns, more than the limit"));
}

#[test]
fn a_column_without_a_name_is_called_by_its_place() {
    let table = parse(b",file\n7,x\n").expect("a table");
    assert_eq!(Value::Object(table.fields(0)), json!({"column_1": 7}));
}

#[test]
fn a_table_that_is_not_there() {
    let refusal = Table::read(Path::new("/none/t.csv")).expect_err("none");
    assert_eq!(refusal.code, Code::FileUnreadable);
}

#[test]
fn the_real_tables_are_typed_as_their_columns_mean() {
    let Some(data) = crate::tests::test_data() else { return };
    let read = |table: &str| Table::read(&data.join(table)).expect("a table");
    let skin = read("skin/skin.csv");
    let of = |table: &Table, name: &str| table.column_type(name);
    assert_eq!(skin.len(), 1385);
    assert_eq!(of(&skin, "age"), Some(ColumnType::Integer));
    assert_eq!(of(&skin, "site"), Some(ColumnType::Text));
    assert_eq!(of(&skin, "lesion_id"), Some(ColumnType::Text));
    let cxr = read("cxr/cxr.csv");
    assert_eq!(of(&cxr, "patient_id"), Some(ColumnType::Text), "ids such as 341e2287");
    assert_eq!(of(&cxr, "crp"), Some(ColumnType::Text), "two cells say -inf");
    assert_eq!(of(&cxr, "icu_admission_offset_days"), Some(ColumnType::Decimal));
    let tiles = read("tiles/tiles.csv");
    assert_eq!(of(&tiles, "x"), Some(ColumnType::Integer));
    assert_eq!(of(&tiles, "mpp"), Some(ColumnType::Decimal));
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&[b"file,".to_vec(), bytes].concat());
    }

    #[test]
    fn written_cells_come_back(cells in prop::collection::vec("[a-z,\"\n\r ]{1,8}x", 1..20)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["file", "note"]).expect("a header");
        for (at, cell) in cells.iter().enumerate() {
            writer.write_record([at.to_string().as_str(), cell]).expect("a row");
        }
        let table = parse(&writer.into_inner().expect("bytes")).expect("a table");
        for (at, cell) in cells.iter().enumerate() {
            prop_assert_eq!(Value::Object(table.fields(at)), json!({ "note": cell }));
        }
    }
}
