//! The bounds of a directory hold exactly, for all sessions on it together.

use std::fs;

use saggar_files::{FileError, OpenMode};

use super::fixture::{CREATE, FileUser, Fixture, READ, ROOT};

#[test]
fn bytes_are_bounded_exactly() {
    let mut fixture = Fixture::new(true, 1000, 100);
    let session = &mut fixture.session;
    let file = session.fill("one", 600).unwrap();
    let other = session.fill("two", 400).unwrap();
    assert_eq!(session.write(other, None, b"x"), Err(FileError::Quota));
    assert_eq!(session.write(other, Some(0), &[b'y'; 400]), Ok(400), "writing over takes nothing");
    assert_eq!(session.set_size(file, 601), Err(FileError::Quota));
    session.set_size(file, 599).unwrap();
    assert_eq!(session.write(other, Some(390), &[b'z'; 12]), Err(FileError::Quota), "one byte too many");
    assert_eq!(session.write(other, Some(390), &[b'z'; 11]), Ok(11));
    assert_eq!(session.write(file, Some(1 << 40), b"x"), Err(FileError::Quota), "a hole counts");
    assert_eq!(session.write(file, Some(u64::MAX), b"x"), Err(FileError::FileTooLarge));
    assert_eq!(session.set_size(file, u64::MAX), Err(FileError::FileTooLarge));
    let notice = session.take_notice().unwrap();
    assert!(notice.contains("`/data` is full: it has 1000 of 1000 bytes and 2 of 100 files"), "{notice}");
    assert_eq!(session.set_size(file, 601), Err(FileError::Quota));
    assert_eq!(session.take_notice(), None, "one is enough");
}

#[test]
fn files_and_directories_are_bounded_exactly() {
    let mut fixture = Fixture::new(true, 1000, 3);
    let session = &mut fixture.session;
    session.fill("file", 0).unwrap();
    session.create_dir("dir").unwrap();
    session.fill("dir/file", 0).unwrap();
    assert_eq!(session.create_dir("more"), Err(FileError::Quota));
    assert_eq!(session.open(ROOT, "more", CREATE), Err(FileError::Quota));
    assert!(session.open(ROOT, "file", CREATE).is_ok(), "it exists");
    session.rename("file", "dir/file").unwrap();
    session.create_dir("more").unwrap();
    session.remove_dir("more").unwrap();
    assert_eq!(session.create_dir("dir"), Err(FileError::Exists));
    session.fill("more", 0).unwrap();
    assert_eq!(session.create_dir("last"), Err(FileError::Quota));
    assert_eq!(session.create_dir("dir"), Err(FileError::Exists), "it is no matter of bounds");
}

#[test]
fn what_is_there_already_counts() {
    let mut fixture = Fixture::new(true, 1000, 4);
    fs::create_dir_all(fixture.path().join("a/b")).unwrap();
    fs::write(fixture.path().join("a/b/file"), [0; 900]).unwrap();
    let session = &mut fixture.session;
    let file = session.fill("new", 100).unwrap();
    assert_eq!(session.write(file, None, b"x"), Err(FileError::Quota));
    assert_eq!(session.create_dir("more"), Err(FileError::Quota));
    session.remove_file("a/b/file").unwrap();
    assert_eq!(session.write(file, None, &[0; 900]), Ok(900));
}

#[test]
fn a_directory_with_too_many_files_cannot_grow() {
    let mut fixture = Fixture::new(true, 1000, 2);
    for name in ["a", "b", "c"] {
        fs::write(fixture.path().join(name), "x").unwrap();
    }
    let session = &mut fixture.session;
    let file = session.open(ROOT, "a", CREATE).unwrap();
    assert_eq!(session.write(file, None, b"x"), Err(FileError::Quota));
    assert_eq!(session.write(file, Some(0), b"y"), Ok(1));
    assert_eq!(session.create_dir("d"), Err(FileError::Quota));
}

#[test]
fn a_removed_file_counts_until_it_is_closed() {
    let mut fixture = Fixture::new(true, 1000, 10);
    let mut reader = fixture.other_session();
    let session = &mut fixture.session;
    let file = session.fill("file", 600).unwrap();
    let read = reader.open(ROOT, "file", READ).unwrap();
    session.remove_file("file").unwrap();
    let next = session.open(ROOT, "next", CREATE).unwrap();
    assert_eq!(session.write(next, None, &[0; 401]), Err(FileError::Quota));
    assert_eq!(session.write(file, None, &[0; 100]), Ok(100), "it may still grow");
    assert_eq!(session.write(next, None, &[0; 301]), Err(FileError::Quota));
    session.close_handles([file]);
    assert_eq!(session.write(next, None, &[0; 301]), Err(FileError::Quota), "another session has it open");
    reader.close_handles([read]);
    assert_eq!(session.write(next, None, &[0; 1000]), Ok(1000));
}

#[test]
fn a_replaced_file_counts_until_it_is_closed() {
    let mut fixture = Fixture::new(true, 1000, 10);
    let session = &mut fixture.session;
    let old = session.fill("file", 500).unwrap();
    session.fill("new", 400).unwrap();
    session.rename("new", "file").unwrap();
    let other = session.open(ROOT, "other", CREATE).unwrap();
    assert_eq!(session.write(other, None, &[0; 101]), Err(FileError::Quota));
    session.close_handles([old]);
    assert_eq!(session.write(other, None, &[0; 600]), Ok(600));
}

#[test]
fn emptying_a_file_gives_its_bytes_back() {
    let mut fixture = Fixture::new(true, 1000, 10);
    let session = &mut fixture.session;
    session.fill("file", 1000).unwrap();
    let file = session.open(ROOT, "file", OpenMode { truncate: true, ..CREATE }).unwrap();
    assert_eq!(session.write(file, None, &[0; 1000]), Ok(1000));
    assert_eq!(session.write(file, None, b"x"), Err(FileError::Quota));
}

#[test]
fn sessions_that_write_at_the_same_time_do_not_exceed_the_bounds_together() {
    let fixture = Fixture::new(true, 100_000, 50);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let mut session = fixture.other_session();
            scope.spawn(move || {
                for number in 0..100 {
                    if let Ok(file) = session.fill(&format!("{thread}-{number}"), 777) {
                        session.close_handles([file]);
                    }
                }
            });
        }
    });
    let sizes: Vec<u64> =
        fs::read_dir(fixture.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(sizes.len(), 50);
    assert_eq!(sizes.iter().sum::<u64>(), 50 * 777, "no refused write has left bytes behind");
}
