//! Identifiers planted into DICOM files are found nowhere: not in the store's bytes, not in what
//! the program prints, logs and answers, by the command line and over HTTP.
#![expect(clippy::expect_used, reason = "a test's helpers may")]
#![expect(clippy::disallowed_methods, reason = "tests lay out their own folders")]

#[path = "../../src/ingest/dicom/made.rs"]
mod made;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bench::MODEL;
use made::{EXPLICIT, Made, WHOLE_SLIDE};

/// What may be found nowhere.
const PLANTED: [&str; 19] = [
    "ZWOLINSKA",
    "Wojciecha",
    "MRN-77120934",
    "19470412",
    "1947-04-12",
    "20210917",
    "2021-09-17",
    "20211003",
    "1.3.6.1.4.1.99999.771209",
    "ACC-5518822",
    "Santomera Klinik",
    "OSTROWSKA",
    "GEHEIM-4711",
    "Kowalczyk",
    "SN-90817263",
    "tel. 0699 1234567",
    "BADANIE",
    "PRZEKROJ",
    "OBCIETY",
];

/// A patient's words in the usual places, in a nested sequence and in private elements.
fn planted(made: Made, study: u32, date: &str) -> Made {
    let person = Made::default().text(0x0040_1101, b"SH", "GEHEIM-4711").text(
        0x0040_a123,
        b"PN",
        "Kowalczyk^Jan",
    );
    let nested = Made::default().items(0x0040_a073, vec![person]);
    made.text(0x0008_0018, b"UI", &format!("1.3.6.1.4.1.99999.771209.{study}.3"))
        .text(0x0008_0020, b"DA", date)
        .text(0x0008_0050, b"SH", "ACC-5518822")
        .text(0x0008_0080, b"LO", "Santomera Klinik")
        .text(0x0008_0090, b"PN", "Kowalczyk^Jan")
        .text(0x0008_1030, b"LO", "BADANIE ZWOLINSKA")
        .text(0x0009_0010, b"LO", "GEHEIM-4711")
        .text(0x0009_1001, b"LO", "MRN-77120934 GEHEIM-4711")
        .text(0x0010_0010, b"PN", "ZWOLINSKA^Wojciecha")
        .text(0x0010_0020, b"LO", "MRN-77120934")
        .text(0x0010_0030, b"DA", "19470412")
        .text(0x0010_2154, b"SH", "tel. 0699 1234567")
        .text(0x0018_1000, b"LO", "SN-90817263")
        .text(0x0018_0015, b"CS", "CHEST")
        .text(0x0018_5101, b"CS", "PA")
        .text(0x0020_000d, b"UI", &format!("1.3.6.1.4.1.99999.771209.{study}"))
        .text(0x0020_000e, b"UI", &format!("1.3.6.1.4.1.99999.771209.{study}.2"))
        .text(0x0020_4000, b"LT", "Pani Wojciecha ZWOLINSKA, 19470412")
        .items(0x0040_a730, vec![nested])
        // Free text in coded places is no code.
        .text(0x0020_0060, b"CS", "OSTROWSKA 1947-04-12 x")
}

fn radiograph(step: u32) -> Made {
    Made::radiograph((64, 48), move |x, y| ((x * step + y * 7) % 4096) as u16)
}

/// A slide of four tiles: glass at the left, tissue at the right.
fn slide() -> Made {
    let pixel = |x: u32, y: u32| {
        let grain = ((x * 7 + y * 13) % 40) as u8;
        if x < 256 { [250, 250, 250] } else { [150 + grain, 60 + grain, 140 + grain] }
    };
    let tile = |column: u32, row: u32| {
        (0..256)
            .flat_map(move |y| (0..256).flat_map(move |x| pixel(column * 256 + x, row * 256 + y)))
    };
    let pixels = [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().flat_map(|(c, r)| tile(c, r));
    let measures = Made::default().text(0x0028_0030, b"DS", "0.001\\0.001");
    Made::default()
        .text(0x0008_0008, b"CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE")
        .text(0x0008_0016, b"UI", WHOLE_SLIDE)
        .text(0x0020_9311, b"CS", "TILED_FULL")
        .text(0x0028_0008, b"IS", "4")
        .shape((256, 256), 3, (8, 8))
        .text(0x0040_0512, b"LO", "PRZEKROJ ZWOLINSKA")
        .long(0x0048_0006, 512)
        .long(0x0048_0007, 512)
        .items(0x5200_9229, vec![Made::default().items(0x0028_9110, vec![measures])])
        .bytes(0x7fe0_0010, b"OB", pixels.collect())
}

/// Lays the files out, names in their names; how many are good pictures.
fn lay_out(sources: &Path) -> PathBuf {
    let put = |name: &str, bytes: &[u8]| {
        let path = sources.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    let first = planted(radiograph(31), 1, "20210917").file(EXPLICIT);
    put(
        "MRN-77120934/19470412/OSTROWSKA.dcm",
        &planted(radiograph(17), 2, "20211003").file(EXPLICIT),
    );
    let other = planted(radiograph(11), 3, "20211003").text(0x0010_0020, b"LO", "OSTROWSKA-2");
    put("OSTROWSKA", &other.file(EXPLICIT));
    let burned = planted(radiograph(5), 4, "20210917").text(0x0028_0301, b"CS", "YES");
    put("OSTROWSKA_burned.dcm", &burned.file(EXPLICIT));
    put("OBCIETY_ZWOLINSKA.dcm", &first[..first.len() - 900]);
    put("PRZEKROJ/level0.dcm", &planted(slide(), 5, "20210917").file(EXPLICIT));
    let label = planted(slide(), 5, "20210917");
    let label = label.text(0x0008_0008, b"CS", "ORIGINAL\\PRIMARY\\LABEL\\NONE");
    put("PRZEKROJ/label.dcm", &label.file(EXPLICIT));
    put("ZWOLINSKA_19470412.dcm", &first)
}

/// Everything that the program says, byte by byte, and where.
#[derive(Default)]
struct Said(Vec<(String, Vec<u8>)>);

impl Said {
    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.into(), bytes.into()));
    }

    fn files(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            self.add(format!("the name {}", path.display()), path.to_string_lossy().as_bytes());
            if path.is_dir() {
                self.files(&path);
            } else {
                self.add(path.to_string_lossy(), std::fs::read(&path).expect("a file"));
            }
        }
    }

    /// Where planted words are found, in whatever case.
    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (place, bytes) in &self.0 {
            let lower = bytes.to_ascii_lowercase();
            for word in PLANTED {
                let word = word.to_ascii_lowercase();
                if lower.windows(word.len()).any(|window| window == word.as_bytes()) {
                    found.push(format!("{word} in {place}"));
                }
            }
        }
        found
    }
}

struct Program {
    store: PathBuf,
    said: Said,
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vitrail"));
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
        command.arg("--store").arg(&self.store).arg("--models").arg(models);
        command.env("VITRAIL_LOG", "trace").env("VITRAIL_ONNXRUNTIME", "none");
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end; what it printed.
    fn run(&mut self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().expect("the program");
        let what = arguments.first().copied().unwrap_or_default();
        self.said.add(format!("standard output of {what}"), output.stdout.clone());
        self.said.add(format!("standard error of {what}"), output.stderr.clone());
        assert!(
            output.status.success() || what == "ingest",
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default()
        );
        String::from_utf8(output.stdout).expect("text")
    }

    fn serve(&self) -> (Child, String) {
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        out.read_line(&mut line).expect("its address");
        std::thread::spawn(move || drop(out.read_to_end(&mut Vec::new())));
        (child, line.trim().rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// Asks the server for all that it has of these points.
    fn ask(&mut self, points: &[String], upload: &[u8]) -> Vec<Value> {
        let (mut child, base) = self.serve();
        let mut errors = child.stderr.take().expect("its errors");
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            let _ = errors.read_to_end(&mut log);
            log
        });
        let get = |path: &str| -> Vec<u8> {
            let agent = ureq::Agent::new_with_config(
                ureq::Agent::config_builder().http_status_as_error(false).build(),
            );
            let mut answer = agent.get(format!("{base}{path}")).call().expect("an answer");
            let bytes = answer.body_mut().read_to_vec().expect("a body");
            let told = String::from_utf8_lossy(&bytes);
            // A slide's own files are not handed out.
            let fine = answer.status() == 200 || told.contains("image_identifying");
            assert!(fine, "{path}: {} {told}", answer.status());
            bytes
        };
        // The answer to an upload repeats the name that its sender gave: it is not looked at.
        send(&base, upload);
        let list = get("/v1/collections/c/images?limit=100");
        let images: Value = serde_json::from_slice(&list).expect("images");
        self.said.add("images", list);
        let ids = images["images"].as_array().expect("images").iter();
        let ids: Vec<String> = ids.filter_map(|i| i["id"].as_str().map(str::to_owned)).collect();
        assert_eq!(ids.len(), 5, "{images}");
        for id in &ids {
            for part in ["", "/thumbnail", "/file"] {
                let path = format!("/v1/collections/c/images/{id}{part}");
                let bytes = get(&path);
                let picture = [&b"\x89PNG"[..], &b"\xff\xd8"[..], &b"{"[..]];
                assert!(picture.iter().any(|head| bytes.starts_with(head)), "{path}");
                self.said.add(path, bytes);
            }
        }
        let mut payloads = Vec::new();
        for id in points {
            let path = format!("/v1/collections/c/points/{id}");
            let bytes = get(&path);
            let point: Value = serde_json::from_slice(&bytes).expect("a point");
            self.said.add(path.clone(), bytes);
            payloads.push(point["payload"]["vitrail"]["dicom"].clone());
            let path = format!("{path}/thumbnail?side=400");
            self.said.add(path.clone(), get(&path));
        }
        for path in ["/v1/jobs", "/v1/collections/c", "/v1/collections"] {
            self.said.add(path, get(path));
        }
        let id = child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        child.wait().expect("its end");
        self.said.add("the server's log", log.join().expect("the log"));
        payloads
    }
}

/// Uploads a picture under a name that names somebody.
fn send(base: &str, bytes: &[u8]) {
    const BOUNDARY: &str = "----a-boundary-of-the-tests";
    let mut body = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; \
         filename=\"ZWOLINSKA_upload.dcm\"\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(
        format!(
            "\r\n--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{MODEL}\
             \r\n--{BOUNDARY}--\r\n"
        )
        .as_bytes(),
    );
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let url = format!("{base}/v1/collections/c/images");
    let mut answer =
        ureq::post(&url).header("content-type", &kind).send(&body[..]).expect("an answer");
    let told: Value =
        serde_json::from_slice(&answer.body_mut().read_to_vec().expect("a body")).expect("JSON");
    assert_eq!(told["items"][0]["status"], "stored", "{told}");
}

fn text<'a>(words: &'a Value, key: &str) -> &'a str {
    words[key].as_str().unwrap_or_default()
}

/// What is kept is what searches need: one pseudonym a patient, dates that keep their distance.
fn assert_useful(words: &[Value]) {
    let films: Vec<&Value> = words.iter().filter(|words| words["modality"] == "CR").collect();
    assert_eq!(films.len(), 3, "{words:?}");
    let mut patients: Vec<&str> = films.iter().map(|words| text(words, "patient_id")).collect();
    patients.sort_unstable();
    patients.dedup();
    assert_eq!(patients.len(), 2);
    for words in &films {
        assert_eq!((text(words, "body_part"), text(words, "view_position")), ("CHEST", "PA"));
        assert!(words["laterality"].is_null(), "free text is no code");
        assert!(text(words, "study_uid").starts_with("2.25."));
        let touched = words["deidentified"]["touched"].as_array().expect("a list");
        assert!(["(0010,0010)", "(0040,A730)"].iter().all(|tag| touched.contains(&(*tag).into())));
        assert_eq!(words["deidentified"]["private"], 2);
    }
    assert!(words.iter().any(|words| words["sop_class"] == WHOLE_SLIDE), "tiles of the slide");
}

#[test]
fn planted_identifiers_are_found_nowhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = folder.path().join("sources");
    let first = lay_out(&sources);
    let mut program = Program { store: folder.path().join("store"), said: Said::default() };
    let source = sources.to_string_lossy().into_owned();
    let told = program.run(&["ingest", &source, "-c", "c", "--model", MODEL, "--json"]);
    let lines: Vec<Value> = told.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let acknowledged = lines.iter().filter_map(|line| line["acknowledged"].as_array()).flatten();
    let points: Vec<String> =
        acknowledged.filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let refused = lines.last().expect("a summary")["refused"].as_array().map_or(0, Vec::len);
    assert_eq!(refused, 2, "{told}");
    assert!(points.len() > 3, "{told}");
    let query = first.to_string_lossy().into_owned();
    let similar = ["similar", &query, "-c", "c", "-k", "9", "--exclude-same", "patient", "--json"];
    let found: Value = serde_json::from_str(&program.run(&similar)).expect("JSON");
    assert!(!found["hits"].as_array().expect("hits").is_empty(), "{found}");
    program.run(&["jobs", "list", "--json"]);
    program.run(&["check", "--json"]);
    program.run(&["collections", "show", "c", "--json"]);
    let upload = planted(radiograph(3), 6, "20210917").file(EXPLICIT);
    let words = program.ask(&points, &upload);
    let store = program.store.clone();
    program.said.files(&store);
    assert!(program.said.0.len() > 40);
    let found = program.said.found();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_useful(&words);
}
