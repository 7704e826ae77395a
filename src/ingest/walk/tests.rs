//! Walks over folders made for the test.
#![expect(clippy::disallowed_methods, reason = "the test lays out its own folder")]

use std::os::unix::fs::symlink;

use super::*;

fn folder(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let root = fs::canonicalize(dir.path()).expect("its path").join("root");
    fs::create_dir_all(&root).expect("a folder");
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, file).expect("a file");
    }
    (dir, root)
}

fn relatives(walk: &Walk) -> Vec<&str> {
    walk.found.iter().map(|found| found.relative.as_str()).collect()
}

#[test]
fn files_are_sorted_and_tables_and_hidden_ones_passed_over() {
    let (_dir, root) = folder(&[
        "b/2.png",
        "b/1.jpg",
        "a.jpg",
        "c.svs",
        "t.csv",
        ".h.jpg",
        ".git/x.jpg",
        "B.JSON",
    ]);
    let walked = walk(std::slice::from_ref(&root), &WalkOptions::default()).expect("a walk");
    assert_eq!(relatives(&walked), ["a.jpg", "b/1.jpg", "b/2.png", "c.svs"]);
    assert_eq!((walked.passed_over, walked.refused.len()), (4, 0));
    assert!(walked.found.iter().all(|found| found.path == root.join(&found.relative)));
}

#[test]
fn a_file_has_its_folder_as_root_and_is_taken_whatever_it_is() {
    let (_dir, root) = folder(&["b/t.csv", "b/.h"]);
    let given = [root.join("b/t.csv"), root.join("b/.h"), root.join("b/../b/t.csv")];
    let walked = walk(&given, &WalkOptions::default()).expect("a walk");
    assert_eq!(relatives(&walked), ["t.csv", ".h"]);
    assert!(walked.found.iter().all(|found| found.root == root.join("b")));
    let refusal = walk(&[root.join("none")], &WalkOptions::default()).expect_err("not there");
    assert_eq!(refusal.code, Code::FileUnreadable);
}

#[test]
fn links_stay_within_the_root() {
    let (_dir, root) = folder(&["a/1.jpg", "z.jpg"]);
    fs::write(root.join("../secret.jpg"), "s").expect("a file");
    symlink(root.join("../secret.jpg"), root.join("out.jpg")).expect("a link");
    symlink(&root, root.join("a/loop")).expect("a link");
    symlink(root.join("gone"), root.join("dead.jpg")).expect("a link");
    symlink(root.join("z.jpg"), root.join("same.jpg")).expect("a link");
    let walked = walk(&[root], &WalkOptions::default()).expect("a walk");
    assert_eq!(relatives(&walked), ["a/1.jpg", "z.jpg"]);
    let mut codes: Vec<Code> = walked.refused.iter().map(|refused| refused.refusal.code).collect();
    codes.sort_by_key(|code| code.name());
    assert_eq!(codes, [Code::FileUnreadable, Code::ForbiddenPath]);
}

#[test]
fn patterns_choose() {
    let (_dir, root) = folder(&["a/1.jpg", "a/1.png", "a/b/2.jpg", "masks/1.png", "3.jpg"]);
    let chosen = |include: &[&str], exclude: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let options = WalkOptions { include: owned(include), exclude: owned(exclude) };
        let walked = walk(std::slice::from_ref(&root), &options).expect("a walk");
        relatives(&walked).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(chosen(&["*.jpg"], &[]), ["3.jpg", "a/1.jpg", "a/b/2.jpg"]);
    assert_eq!(chosen(&["a/*.jpg"], &[]), ["a/1.jpg"]);
    assert_eq!(chosen(&[], &["masks", "a/b/**"]), ["3.jpg", "a/1.jpg", "a/1.png"]);
    let options = WalkOptions { include: vec!["a[".to_owned()], exclude: vec![] };
    let refusal = walk(&[root], &options).expect_err("no glob");
    assert_eq!(refusal.code, Code::InvalidRequest);
}

#[test]
fn depth_is_bounded() {
    let deep = "d/".repeat(FOLDER_DEPTH_MAX + 1) + "x.jpg";
    let (_dir, root) = folder(&[deep.as_str(), "y.jpg"]);
    let walked = walk(&[root], &WalkOptions::default()).expect("a walk");
    assert_eq!((relatives(&walked), walked.refused.len()), (vec!["y.jpg"], 1));
}
