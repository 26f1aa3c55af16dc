#![allow(clippy::unwrap_used, reason = "a test stops")]

use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// What reading it comes to, or nothing where it comes to no end.
fn soon(path: PathBuf) -> Result<Vec<u8>, LoadError> {
    let (to, from) = mpsc::channel();
    std::thread::spawn(move || to.send(read(&path)));
    from.recv_timeout(Duration::from_secs(20)).expect("reading it does not end")
}

#[track_caller]
fn no_file(path: PathBuf) {
    match soon(path) {
        Err(error @ LoadError::NoFile(_)) => {
            assert!(error.to_string().contains("is a pipe, a device or a folder"), "{error}");
        }
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
}

#[test]
fn what_is_no_file_is_refused_and_waited_for_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.wasm");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    no_file(pipe);
    no_file("/dev/zero".into());
    no_file(folder.path().to_owned());
    let link = folder.path().join("link.wasm");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    no_file(link);
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.wasm");
    File::create(&path).unwrap().write_all(b"content").unwrap();
    assert_eq!(soon(path.clone()).unwrap(), b"content");
    // It takes no room on the disk.
    File::create(&path).unwrap().set_len(65 << 20).unwrap();
    assert!(matches!(soon(path), Err(LoadError::TooLarge(length)) if length == 65 << 20));
}

#[test]
fn a_file_that_grows_meanwhile_is_read_up_to_its_bound_too() {
    let grows = std::io::repeat(0);
    assert!(matches!(content(grows, 7).unwrap(), Err(LoadError::TooLarge(length)) if length == MAX_FILE_BYTES + 1));
}
