//! Each test confines a thread of its own, which is the only one that is.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use super::files::Allowed;
use super::*;

/// Runs this on a thread that ends with it.
fn apart(test: impl FnOnce() + Send + 'static) {
    let ended = std::thread::spawn(test).join();
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

fn status(field: &str) -> String {
    let text = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:"))).unwrap();
    line.trim().to_owned()
}

/// Whether this machine has Landlock; where it has none, tests of files say so and pass.
fn on(measure: &Measure) -> bool {
    match &measure.state {
        State::On | State::Partly(_) => true,
        State::Off(why) => {
            eprintln!("not tested: {} are {why}", measure.name);
            false
        }
    }
}

fn denied<T: std::fmt::Debug>(result: std::io::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn what_is_not_named_cannot_be_opened() {
    apart(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["read", "write", "other"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("file"), name).unwrap();
        }
        fs::write(at("alone"), "alone").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let allowed = Allowed {
            read: vec![at("read"), at("alone"), at("missing"), "/proc/thread-self".into()],
            write: vec![at("write")],
            connect: true,
            ..Allowed::default()
        };
        if !on(&files::restrict(&allowed)) {
            return;
        }
        assert_eq!(fs::read_to_string(at("read/file")).unwrap(), "read");
        assert_eq!(fs::read_to_string(at("alone")).unwrap(), "alone");
        // As the cache does it.
        fs::write(at("write/new.unfinished"), "new").unwrap();
        fs::rename(at("write/new.unfinished"), at("write/new")).unwrap();
        fs::remove_file(at("write/file")).unwrap();
        denied(fs::read(at("other/file")));
        denied(fs::read_dir(at("other")).map(drop));
        denied(fs::read("/etc/passwd"));
        denied(fs::write(at("read/file"), "changed"));
        denied(fs::write(at("alone"), "changed"));
        denied(fs::remove_file(at("read/file")));
        denied(fs::create_dir(at("write/folder")));
        denied(fs::write(at("new"), "new"));
        denied(std::process::Command::new("/bin/true").status());
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        denied(TcpListener::bind("127.0.0.1:0"));
    });
}

#[test]
fn a_file_that_takes_the_place_of_another_is_found() {
    apart(|| {
        // As Kubernetes has it in a mounted volume.
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let version = |name: &str| {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("a.wasm"), name).unwrap();
        };
        version("..first");
        std::os::unix::fs::symlink("..first", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/a.wasm", at("a.wasm")).unwrap();
        let config = crate::config::Config::from_text(
            "[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n",
            folder.path(),
            std::iter::empty::<(String, String)>(),
        );
        let needs = host::needs(&config.unwrap(), &at("sandbus.toml"));
        // What changes the volume is not confined.
        let (go, went) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
        let (base, asked, done) = (folder.path().to_owned(), go.1, went.0);
        let kubelet = std::thread::spawn(move || {
            asked.recv().unwrap();
            fs::create_dir(base.join("..second")).unwrap();
            fs::write(base.join("..second/a.wasm"), "..second").unwrap();
            std::os::unix::fs::symlink("..second", base.join("..data_tmp")).unwrap();
            fs::rename(base.join("..data_tmp"), base.join("..data")).unwrap();
            done.send(()).unwrap();
        });
        let there = on(&files::restrict(&needs));
        assert_eq!(fs::read_to_string(at("a.wasm")).unwrap(), "..first");
        go.0.send(()).unwrap();
        went.1.recv().unwrap();
        assert_eq!(fs::read_to_string(at("a.wasm")).unwrap(), "..second");
        if there {
            denied(fs::write(at("b.wasm"), ""));
        }
        kubelet.join().unwrap();
    });
}

#[test]
fn a_host_reads_the_folders_of_what_it_names_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["handlers", "secrets", "elsewhere"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("elsewhere/b.wasm"), "").unwrap();
    fs::write(folder.path().join("secrets/token"), "hush").unwrap();
    let text = "[admin]\ntoken_file = \"secrets/token\"\nlisten = \"127.0.0.1:77\"\n[sandbox]\ncache = \"code\"\n\
                [[handler]]\nname = \"b\"\ncomponent = \"elsewhere/b.wasm\"\n";
    let variables = [("OTEL_EXPORTER_OTLP_CERTIFICATE", "/srv/tls/ca.pem"), ("SSL_CERT_FILE", "/top.pem")];
    let config = crate::config::Config::from_text(text, folder.path(), variables).unwrap();
    let needs = host::needs(&config, &folder.path().join("conf/sandbus.toml"));
    for path in ["conf", "handlers", "secrets", "elsewhere"] {
        assert!(needs.read.contains(&folder.path().join(path)), "{path} is not in {:?}", needs.read);
    }
    assert!(needs.read.contains(&"/srv/tls".into()));
    assert!(needs.read.contains(&"/top.pem".into()));
    assert!(needs.write.contains(&folder.path().join("code")));
    assert_eq!(needs.listen, [77]);
    for path in ["/", "/tmp", "/home", "/root", "/var", "/run", "/proc"] {
        let all = needs.read.iter().chain(&needs.write).chain(&needs.run);
        assert!(!all.into_iter().any(|allowed| allowed == Path::new(path)), "{path} is allowed");
    }
    assert!(!needs.read.contains(&folder.path().to_owned()) && !needs.read.contains(&folder.path().join("code")));
}

#[test]
fn a_confined_host_starts_itself_and_speaks_to_brokers_and_has_no_use_for_the_rest() {
    apart(|| {
        let config =
            crate::config::Config::from_text("", Path::new("/"), std::iter::empty::<(String, String)>()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let measures = host::confine(&host::needs(&config, Path::new("/sandbus.toml")));
        assert_eq!(
            measures.iter().map(|measure| measure.name).collect::<Vec<_>>(),
            ["privileges", "dumps", "files", "calls"]
        );
        assert_eq!(status("NoNewPrivs"), "1");
        assert_eq!(dumpable(), 0);
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        std::net::ToSocketAddrs::to_socket_addrs("localhost:9092").unwrap().next().unwrap();
        // This program, by the name of the one that compiles.
        let listing = std::process::Command::new("/proc/self/exe").arg("--list").output().unwrap();
        assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
        if on(&measures[2]) {
            denied(std::process::Command::new("/bin/true").status());
        }
        if on(&measures[3]) {
            assert_eq!(status("Seccomp"), "2");
            for (name, call) in [
                ("ptrace", libc::SYS_ptrace),
                ("unshare", libc::SYS_unshare),
                ("bpf", libc::SYS_bpf),
                ("keyctl", libc::SYS_keyctl),
                ("io_uring_setup", libc::SYS_io_uring_setup),
            ] {
                assert_eq!(refused(call, 0), libc::EPERM, "{name}");
            }
            // Raw packets, and the kernel's own cryptography.
            assert_eq!(refused(libc::SYS_socket, libc::AF_PACKET), libc::EPERM);
            assert_eq!(refused(libc::SYS_socket, libc::AF_ALG), libc::EPERM);
        }
    });
}

#[test]
fn where_the_kernel_has_no_landlock_that_is_said() {
    apart(|| {
        calls::hide_landlock();
        let measure = files::restrict(&Allowed::default());
        let State::Off(why) = &measure.state else { panic!("{measure:?}") };
        assert!(why.contains("no Landlock"), "{why}");
        fs::read("/etc/passwd").unwrap();
    });
}

#[test]
fn whoever_compiles_has_no_files_no_network_and_no_children() {
    apart(|| {
        let (mine, mut theirs) = std::io::pipe().unwrap();
        if !on(&calls::forbid_to_worker()) {
            return;
        }
        denied(fs::read("/etc/passwd"));
        denied(fs::write("/tmp/sandbus-compiles", ""));
        denied(fs::remove_file("/etc/passwd"));
        denied(TcpListener::bind("127.0.0.1:0"));
        denied(TcpStream::connect("127.0.0.1:9"));
        denied(std::process::Command::new("/bin/true").status());
        // What is left: threads, memory, pipes.
        std::thread::spawn(|| vec![1_u8; 64 << 20].len()).join().unwrap();
        std::io::Write::write_all(&mut theirs, b"code").unwrap();
        let mut read = [0; 4];
        std::io::Read::read_exact(&mut { mine }, &mut read).unwrap();
        assert_eq!(&read, b"code");
    });
}

fn dumpable() -> i32 {
    // SAFETY: reads a flag of this process.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }
}

/// The error of a call with this argument and no others, or 0.
fn refused(call: libc::c_long, argument: i32) -> i32 {
    // SAFETY: with these arguments none of the calls above touches memory, whether it is refused or not.
    let result = unsafe { libc::syscall(call, argument, libc::SOCK_RAW, 0, 0, 0) };
    if result < 0 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}
