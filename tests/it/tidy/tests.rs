//! Each rule is seen to fire, and to keep quiet.

use super::*;

/// Rules that fire on one file.
fn rules(path: &str, text: &str) -> Vec<&'static str> {
    let files = Files::from([(path.to_owned(), text.to_owned())]);
    check(&files, &[]).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn each_rule_fires() {
    let long_line = format!("//! Doc.\nuse a::{};\n", "b".repeat(100));
    let long_function = format!("//! Doc.\nfn f() {{\n{}}}\n", "    g();\n".repeat(70));
    let long_file = format!("//! Doc.\n{}", "use a;\n".repeat(600));
    let here = format!("//! Doc.\n// data in /{}/data\n", "work");
    let cases: [(&str, &str, &str); 18] = [
        ("line-width", "src/main.rs", &long_line),
        ("function-length", "src/main.rs", &long_function),
        ("file-length", "src/main.rs", &long_file),
        ("lib-length", "src/store/lib.rs", &format!("//! D.\n{}", "use a;\n".repeat(150))),
        ("module-doc", "src/main.rs", "use a;\n"),
        ("lib-logic", "src/store/lib.rs", "//! Doc.\nfn f() {}\n"),
        (
            "unsafe",
            "src/store/lib.rs",
            "//! Doc.\n// SAFETY: none.\nconst A: u8 = unsafe { f() };\n",
        ),
        ("unsafe-reason", "src/disk/lib.rs", "//! Doc.\nconst A: u8 = unsafe { f() };\n"),
        ("print", "src/store/lib.rs", "//! Doc.\nprintln!();\n"),
        ("unfinished", "src/main.rs", "//! Doc.\nfn f() { todo!() }\n"),
        ("unwrap", "src/main.rs", "//! Doc.\nfn f() { a.unwrap() }\n"),
        ("bare-write", "src/main.rs", "//! Doc.\nfn f() { std::fs::write(a, b) }\n"),
        ("clock", "src/main.rs", "//! Doc.\nfn f() { SystemTime::now() }\n"),
        ("host-endian", "src/main.rs", "//! Doc.\nfn f() { a.to_ne_bytes() }\n"),
        ("random", "src/main.rs", "//! Doc.\nfn f() { rand::thread_rng() }\n"),
        ("commented-code", "src/main.rs", "//! Doc.\n// let a = 1;\n"),
        ("machine-path", "src/main.rs", &here),
        ("orphan", "src/store/alone.rs", "//! Doc.\n"),
    ];
    for (rule, path, text) in cases {
        assert_eq!(rules(path, text), [rule], "{path}: {text}");
    }
}

#[test]
fn rules_keep_out_of_tests_texts_and_comments() {
    let text = "//! Doc: println!() and .unwrap().\n\
        const A: &str = \"todo!() } unsafe\"; // dbg!()\n\
        const B: &str = r#\"File::create \" todo!()\"#;\n\
        const C: [char; 3] = ['{', '\\'', '\"'];\n\
        /* thread_rng /* SystemTime::now */ .expect( */\n\
        fn f<'a>(a: &'a str) -> &'a str { a }\n\
        #[cfg(test)]\nmod tests {\n    fn g() { a.unwrap() }\n}\n";
    assert_eq!(rules("src/main.rs", text), [""; 0]);
    assert_eq!(rules("tests/it/main.rs", "//! Doc.\nfn g() { a.unwrap() }\n"), [""; 0]);
    let excused = "//! Doc.\n#[expect(clippy::print_stdout, reason = \"x\")]\nprintln!();\n";
    assert_eq!(rules("src/main.rs", excused), [""; 0]);
}

#[test]
fn code_after_a_test_module_is_still_read() {
    let text = "//! Doc.\n#[cfg(test)]\nmod tests;\nfn f() { a.unwrap() }\n";
    assert_eq!(rules("src/main.rs", text), ["unwrap"]);
}

#[test]
fn manifests_are_held_to_the_tables() {
    let manifest = |room: &str, line: &str| {
        let text = format!("[dependencies]\n{line}.workspace = true\n[lints]\nworkspace = true\n");
        rules(&format!("src/{room}/Cargo.toml"), &text)
    };
    assert_eq!(manifest("store", "vitrail-disk"), [""; 0]);
    assert_eq!(manifest("store", "rocksdb"), [""; 0]);
    assert_eq!(manifest("store", "vitrail-query"), ["room"]);
    assert_eq!(manifest("nowhere", "serde"), ["room"]);
    assert_eq!(manifest("api", "rocksdb"), ["crate"]);
    assert_eq!(manifest("api", "left-pad"), ["crate"]);
    assert_eq!(rules("src/api/Cargo.toml", "[dependencies]\n"), ["room"]);
}

#[test]
fn rooms_use_rooms_of_lower_rank() {
    let rank = |name: &str| ROOMS.iter().find(|room| room.0 == name).map(|room| room.1);
    for (name, own, uses) in ROOMS {
        for used in uses {
            assert!(rank(used).is_some_and(|rank| rank < own), "{name} uses {used}");
        }
    }
}

#[test]
fn the_top_level_is_fixed() {
    let names = ["src", ".ci", "notes.txt"].map(str::to_owned);
    let found = check(&Files::new(), &names);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].path.as_str()), ("top-level", "notes.txt"));
}

#[test]
fn waivers_need_a_reason_and_a_use() {
    let finding = |path: &str| Finding {
        path: path.to_owned(),
        line: 1,
        rule: "unsafe",
        what: String::new(),
    };
    let all = || vec![finding("a.rs"), finding("b.rs")];
    let rules = |list: &str| -> Vec<String> {
        let left = waive(all(), list);
        let own = left.into_iter().filter(|f| !f.what.contains("WAIVERS_MAX"));
        own.map(|f| format!("{} {}", f.path, f.rule)).collect()
    };
    let unused = "tests/it/waivers.txt waiver";
    assert_eq!(rules("a.rs unsafe the library is loaded\n# no\n"), ["b.rs unsafe"]);
    assert_eq!(rules("a.rs unsafe why\n"), ["a.rs unsafe", "b.rs unsafe", unused]);
    let other = "a.rs print because it may print\n";
    assert_eq!(rules(other), ["a.rs unsafe", "b.rs unsafe", unused]);
    let many = "a.rs unsafe one two three\n".repeat(WAIVERS_MAX + 1);
    assert!(waive(all(), &many).iter().any(|f| f.what.contains("WAIVERS_MAX")));
}

#[test]
fn module_lines_are_followed() {
    let files: Files = [
        ("src/store/lib.rs", "//! D.\nmod a;\n#[cfg(test)]\nmod tests;\npub(crate) mod b;\n"),
        ("src/store/a.rs", "//! D.\nmod inner;\n"),
        ("src/store/a/inner.rs", "//! D.\n"),
        ("src/store/b/mod.rs", "//! D.\n"),
        ("src/store/tests.rs", "//! D.\n"),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .collect();
    assert_eq!(check(&files, &[]), []);
}
