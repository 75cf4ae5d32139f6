//! Nothing outside of a directory can be reached, however a path is written and whatever other programs put into the
//! directory.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use saggar_files::{FileError, FileKind, FileOperation, MAX_DEPTH, OpenMode};

use super::fixture::{CREATE, FileUser, Fixture, READ, ROOT};

#[test]
fn paths_do_not_lead_out() {
    let mut fixture = Fixture::writable();
    fs::create_dir(fixture.path().join("dir")).unwrap();
    let session = &mut fixture.session;
    let dir = session.open(ROOT, "dir", READ).unwrap();
    for path in ["/etc/passwd", "..", "../x", "dir/../../x", "dir/../..", "./..", "//etc/passwd"] {
        assert_eq!(session.open(ROOT, path, READ), Err(FileError::NotPermitted), "{path}");
        assert_eq!(session.open(ROOT, path, CREATE), Err(FileError::NotPermitted), "{path}");
        assert_eq!(session.stat_at(path), Err(FileError::NotPermitted), "{path}");
        assert_eq!(session.create_dir(path), Err(FileError::NotPermitted), "{path}");
        assert_eq!(session.remove_file(path), Err(FileError::NotPermitted), "{path}");
        assert_eq!(session.rename("dir", path), Err(FileError::NotPermitted), "{path}");
    }
    let above = FileOperation::StatAt { dir, path: "..".to_owned() };
    assert_eq!(session.ask(above), Err(FileError::NotPermitted), "a directory that was opened is a border, too");
    assert_eq!(session.stat_at("dir/..").unwrap().identity, session.stat_at(".").unwrap().identity);
    assert_eq!(session.open(ROOT, "dir\0", READ), Err(FileError::Invalid));
}

#[test]
fn links_are_not_followed() {
    let mut fixture = Fixture::writable();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::create_dir(fixture.path().join("inside")).unwrap();
    let links = [("out", outside.path().to_owned()), ("file", outside.path().join("secret")), ("in", "inside".into())];
    for (name, target) in &links {
        symlink(target, fixture.path().join(name)).unwrap();
    }
    let session = &mut fixture.session;
    for path in ["out", "file", "in"] {
        for mode in [READ, CREATE, OpenMode { directory: true, ..READ }, OpenMode { truncate: true, ..CREATE }] {
            assert_eq!(session.open(ROOT, path, mode), Err(FileError::Link), "{path} {mode:?}");
        }
        assert_eq!(session.stat_at(path).unwrap().kind, FileKind::Link);
    }
    for path in ["out/secret", "in/new", "out/../file"] {
        assert_eq!(session.open(ROOT, path, CREATE), Err(FileError::Link), "{path}");
    }
    assert_eq!(session.create_dir("out/new"), Err(FileError::Link));
    assert_eq!(session.remove_file("out/secret"), Err(FileError::Link));
    assert_eq!(session.rename("out/secret", "stolen"), Err(FileError::Link));
    session.remove_file("out").unwrap();
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret", "the link was removed, not its target");
}

#[test]
fn a_directory_that_becomes_a_link_is_not_followed() {
    let mut fixture = Fixture::writable();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let dir = fixture.path().join("dir");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("secret"), "mine").unwrap();
    let handle = fixture.session.open(ROOT, "dir", READ).unwrap();
    fs::rename(&dir, fixture.path().join("moved")).unwrap();
    symlink(outside.path(), &dir).unwrap();
    assert_eq!(fixture.session.open(ROOT, "dir/secret", READ), Err(FileError::Link));
    let file = fixture.session.open(handle, "secret", READ).unwrap();
    assert_eq!(fixture.session.read(file, 0, 100).unwrap(), b"mine", "the handle is the directory that was opened");
}

#[test]
fn pipes_and_devices_cannot_be_opened() {
    let mut fixture = Fixture::writable();
    mknodat(CWD, fixture.path().join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let session = &mut fixture.session;
    for mode in [READ, CREATE, OpenMode { truncate: true, ..CREATE }] {
        assert_eq!(session.open(ROOT, "pipe", mode), Err(FileError::NotPermitted), "{mode:?}");
    }
    assert_eq!(session.list(ROOT).unwrap(), [("pipe".to_owned(), FileKind::Other)]);
}

#[test]
fn trees_have_a_bounded_depth() {
    let mut fixture = Fixture::writable();
    let session = &mut fixture.session;
    let mut path = String::new();
    let mut deepest = ROOT;
    for depth in 1..=MAX_DEPTH {
        path.push_str(if depth == 1 { "d" } else { "/d" });
        session.create_dir(&path).unwrap();
        deepest = session.open(deepest, "d", READ).unwrap();
        session.close_handles([saggar_files::FileHandle(depth - 1)].into_iter().filter(|handle| handle.0 > 0));
    }
    let below = FileOperation::CreateDir { dir: deepest, path: "d".to_owned() };
    assert_eq!(session.ask(below), Err(FileError::NameTooLong));
    assert_eq!(session.create_dir(&format!("{path}/d")), Err(FileError::NameTooLong));
    let long = "n".repeat(256);
    assert_eq!(session.create_dir(&long), Err(FileError::NameTooLong));
}
