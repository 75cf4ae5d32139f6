//! Files and directories, as programs use them.

use std::fs;

use saggar_files::{FileError, FileKind, Files, MAX_OPEN, OpenMode, RootDir, Session, TenantFiles};

use super::fixture::{CREATE, FileUser, Fixture, READ, ROOT};

#[test]
fn files_are_written_read_cut_and_removed() {
    let mut fixture = Fixture::writable();
    let session = &mut fixture.session;
    let file = session.open(ROOT, "notes.txt", CREATE).unwrap();
    assert_eq!(session.write(file, None, b"hello"), Ok(5));
    assert_eq!(session.write(file, None, b" world"), Ok(6), "at the end");
    assert_eq!(session.write(file, Some(0), b"H"), Ok(1));
    assert_eq!(session.read(file, 0, 100).unwrap(), b"Hello world");
    assert_eq!(session.read(file, 11, 100).unwrap(), b"", "at the end");
    session.set_size(file, 5).unwrap();
    assert_eq!(session.read(file, 0, 100).unwrap(), b"Hello");
    assert_eq!(session.stat_at("notes.txt").unwrap().size, 5);
    let emptied = session.open(ROOT, "notes.txt", OpenMode { truncate: true, ..CREATE }).unwrap();
    assert_eq!(session.read(emptied, 0, 100).unwrap(), b"");
    let exclusive = OpenMode { exclusive: true, ..CREATE };
    assert_eq!(session.open(ROOT, "notes.txt", exclusive), Err(FileError::Exists));
    session.remove_file("notes.txt").unwrap();
    assert_eq!(session.open(ROOT, "notes.txt", READ), Err(FileError::NoEntry));
    assert_eq!(session.write(file, None, b"still open"), Ok(10));
}

#[test]
fn directories_are_made_listed_renamed_and_removed() {
    let mut fixture = Fixture::writable();
    let session = &mut fixture.session;
    session.create_dir("b").unwrap();
    session.create_dir("b/inner").unwrap();
    session.fill("a", 1).unwrap();
    let found = session.list(ROOT).unwrap();
    assert_eq!(found, [("a".to_owned(), FileKind::File), ("b".to_owned(), FileKind::Directory)]);
    let dir = session.open(ROOT, "b", OpenMode { directory: true, ..READ }).unwrap();
    assert_eq!(session.list(dir).unwrap(), [("inner".to_owned(), FileKind::Directory)]);
    assert_eq!(session.remove_dir("b"), Err(FileError::NotEmpty));
    session.rename("b", "c").unwrap();
    assert_eq!(session.list(dir).unwrap().len(), 1, "it is still open");
    assert_eq!(session.rename("c/inner", "inner"), Err(FileError::CrossDirectory), "directories stay where they are");
    session.rename("a", "c/moved").unwrap();
    assert_eq!(session.stat_at("c/moved").unwrap().kind, FileKind::File);
    session.remove_file("c/moved").unwrap();
    session.remove_dir("c/inner").unwrap();
    session.remove_dir("c/").unwrap();
    assert!(session.list(ROOT).unwrap().is_empty());
}

#[test]
fn a_read_only_directory_cannot_be_changed() {
    let mut fixture = Fixture::new(false, 0, 0);
    fs::write(fixture.path().join("file"), "content").unwrap();
    fs::create_dir(fixture.path().join("dir")).unwrap();
    let session = &mut fixture.session;
    let file = session.open(ROOT, "file", READ).unwrap();
    assert_eq!(session.read(file, 0, 100).unwrap(), b"content");
    assert_eq!(session.write(file, None, b"x"), Err(FileError::BadHandle));
    assert_eq!(session.set_size(file, 0), Err(FileError::BadHandle));
    for mode in [OpenMode { write: true, ..READ }, CREATE, OpenMode { truncate: true, ..READ }] {
        assert_eq!(session.open(ROOT, "file", mode), Err(FileError::ReadOnly), "{mode:?}");
    }
    assert_eq!(session.create_dir("new"), Err(FileError::ReadOnly));
    assert_eq!(session.remove_dir("dir"), Err(FileError::ReadOnly));
    assert_eq!(session.remove_file("file"), Err(FileError::ReadOnly));
    assert_eq!(session.rename("file", "other"), Err(FileError::ReadOnly));
    assert_eq!(fs::read(fixture.path().join("file")).unwrap(), b"content");
}

#[test]
fn handles_end_with_their_session_and_are_not_given_twice() {
    let mut fixture = Fixture::writable();
    let session = &mut fixture.session;
    let first = session.fill("file", 3).unwrap();
    session.close_handles([first]);
    assert_eq!(session.read(first, 0, 1), Err(FileError::BadHandle));
    let second = session.open(ROOT, "file", READ).unwrap();
    assert_ne!(first, second);
    assert_eq!(session.write(second, None, b"x"), Err(FileError::BadHandle), "it is open for reading");
    session.close();
    assert_eq!(session.read(second, 0, 1), Err(FileError::BadHandle));
    assert_eq!(session.open(ROOT, "file", READ), Err(FileError::BadHandle));
}

#[test]
fn a_call_has_a_bounded_number_of_files_open() {
    let mut fixture = Fixture::writable();
    let session = &mut fixture.session;
    let open: Vec<_> = (0..MAX_OPEN).map(|number| session.fill(&number.to_string(), 1).unwrap()).collect();
    assert_eq!(session.open(ROOT, "0", READ), Err(FileError::TooManyOpen));
    assert!(session.take_notice().is_some());
    session.close_handles(open.into_iter().take(1));
    assert!(session.open(ROOT, "0", READ).is_ok());
}

#[test]
fn a_scratch_directory_is_gone_after_its_session() {
    let base = tempfile::tempdir().unwrap();
    let files = std::sync::Arc::new(Files::new(Some(base.path().to_owned())));
    let roots = vec![RootDir::scratch(1000)];
    assert_eq!(Session::roots(&roots)[0].path, "/scratch");
    let session = || Session::new(files.clone(), TenantFiles::default(), roots.clone());
    let (mut one, mut two) = (session(), session());
    one.create_dir("deep").unwrap();
    one.fill("deep/file", 1000).unwrap();
    assert_eq!(two.stat_at("deep"), Err(FileError::NoEntry), "each has its own");
    two.fill("file", 1000).unwrap();
    assert_eq!(two.fill("more", 1), Err(FileError::Quota));
    one.close();
    drop(two);
    let mut left = fs::read_dir(base.path()).unwrap().map(|of_process| of_process.unwrap().path());
    assert!(left.all(|of_process| fs::read_dir(of_process).unwrap().count() == 0));
    let mut without = Session::new(std::sync::Arc::new(Files::new(None)), TenantFiles::default(), roots.clone());
    assert_eq!(without.create_dir("deep"), Err(FileError::Io));
    assert!(without.take_notice().unwrap().contains("state directory"));
}
