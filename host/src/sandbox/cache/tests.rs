//! What is put is got, what is wrong is not, and nobody else can put anything.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use tempfile::TempDir;

use super::*;

/// A folder for one test, and the place of the cache in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("some/compiled")
    }

    fn open(&self) -> Cache {
        self.bounded(2 << 30)
    }

    fn bounded(&self, bound: u64) -> Cache {
        Cache::open(&self.folder(), &engine(true), bound).unwrap()
    }

    fn files(&self) -> BTreeSet<String> {
        let files = fs::read_dir(self.folder()).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn bytes(&self) -> u64 {
        self.files().iter().map(|file| fs::metadata(self.folder().join(file)).unwrap().len()).sum()
    }
}

impl Cache {
    /// Where an entry is.
    fn file(&self, content: &Digest) -> PathBuf {
        self.path.join(name_of(&self.key(content)))
    }

    /// Makes an entry, or another file, as old as that.
    fn age(&self, file: &Path, seconds: u64) {
        let file = File::options().append(true).open(self.path.join(file)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }
}

fn engine(epochs: bool) -> Engine {
    Engine::new(wasmtime::Config::new().epoch_interruption(epochs)).unwrap()
}

const A: Digest = [0xa; 32];
const B: Digest = [0xb; 32];
const C: Digest = [0xc; 32];
const D: Digest = [0xd; 32];

const CODE: &[u8] = b"all that a component is compiled to";

#[test]
fn what_is_put_is_got_by_the_next_host() {
    let place = Place::new();
    place.open().put(&A, CODE);
    place.open().put(&B, b"");
    assert_eq!(place.open().get(&A).as_deref(), Some(CODE));
    assert_eq!(place.open().get(&B).as_deref(), Some(&b""[..]));
    assert_eq!(place.open().get(&C), None);
    assert_eq!(place.files().len(), 2);
    place.open().put(&A, b"other");
    assert_eq!(place.open().get(&A).as_deref(), Some(&b"other"[..]));
    assert_eq!(place.files().len(), 2);
}

#[test]
fn nobody_else_can_write_to_what_it_makes() {
    let place = Place::new();
    let cache = place.open();
    cache.put(&A, CODE);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&place.folder()), 0o700);
    assert_eq!(mode(place.folder().parent().unwrap()), 0o700);
    assert_eq!(mode(&cache.file(&A)), 0o600);
}

#[test]
fn code_for_another_engine_is_not_found() {
    let place = Place::new();
    let other = Cache::open(&place.folder(), &engine(false), 2 << 30).unwrap();
    other.put(&A, CODE);
    let cache = place.open();
    assert_ne!(cache.file(&A), other.file(&A));
    assert_eq!(cache.get(&A), None);
    assert_eq!(other.get(&A).as_deref(), Some(CODE));
    // The same engine again has the same key.
    assert_eq!(place.open().file(&A), cache.file(&A));
}

#[test]
fn an_entry_under_another_name_is_thrown_away() {
    let place = Place::new();
    let cache = place.open();
    cache.put(&A, CODE);
    fs::rename(cache.file(&A), cache.file(&B)).unwrap();
    assert_eq!(cache.get(&B), None);
    assert!(place.files().is_empty());
    let other = Cache::open(&place.folder(), &engine(false), 2 << 30).unwrap();
    other.put(&A, CODE);
    fs::rename(other.file(&A), cache.file(&A)).unwrap();
    assert_eq!(cache.get(&A), None);
    assert!(place.files().is_empty());
}

#[test]
fn what_is_cut_flipped_or_grown_is_thrown_away() {
    let place = Place::new();
    let cache = place.open();
    cache.put(&A, CODE);
    let whole = fs::read(cache.file(&A)).unwrap();
    assert_eq!(whole.len(), HEADER + CODE.len());
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let flipped = (0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    });
    let grown = [&whole[..], &b"\0"[..]].concat();
    for bad in cut.chain(flipped).chain([grown]) {
        fs::write(cache.file(&A), &bad).unwrap();
        assert_eq!(cache.get(&A), None, "{bad:?}");
        assert!(place.files().is_empty(), "{bad:?}");
    }
    fs::write(cache.file(&A), &whole).unwrap();
    assert_eq!(cache.get(&A).as_deref(), Some(CODE));
}

#[test]
fn what_is_no_file_of_ours_is_thrown_away() {
    let place = Place::new();
    let cache = place.open();
    cache.put(&A, CODE);
    let whole = fs::read(cache.file(&A)).unwrap();
    for mode in [0o620, 0o602] {
        fs::set_permissions(cache.file(&A), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(cache.get(&A), None, "{mode:o}");
        assert!(place.files().is_empty(), "{mode:o}");
        cache.put(&A, CODE);
    }
    let elsewhere = place.0.path().join("elsewhere");
    fs::write(&elsewhere, whole).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(cache.file(&A)).unwrap();
    symlink(&elsewhere, cache.file(&A)).unwrap();
    assert_eq!(cache.get(&A), None);
    assert!(place.files().is_empty());
    assert!(elsewhere.is_file());
    rustix::fs::mknodat(rustix::fs::CWD, cache.file(&A), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(cache.get(&A), None);
    assert!(place.files().is_empty());
    if cache.user == 0 {
        cache.put(&A, CODE);
        chown(cache.file(&A), Some(65534), None).unwrap();
        assert_eq!(cache.get(&A), None);
        assert!(place.files().is_empty());
    }
}

/// Why the folder is refused, with another name for it.
fn refused(path: &Path) -> String {
    let refused =
        Cache::open(path, &engine(true), 2 << 30).err().unwrap_or_else(|| panic!("{} is used", path.display()));
    refused.to_string().replace(path.to_str().unwrap(), "PATH")
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let place = Place::new();
    drop(place.open());
    let mode = |mode| fs::set_permissions(place.folder(), fs::Permissions::from_mode(mode)).unwrap();
    for (bits, shown) in [(0o720, "720"), (0o702, "702"), (0o1777, "1777")] {
        mode(bits);
        let why = refused(&place.folder());
        assert_eq!(why, format!("others than its owner may write to PATH (mode {shown}); chmod go-w it"));
    }
    mode(0o755);
    drop(place.open());
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let place = Place::new();
    let user = rustix::process::geteuid().as_raw();
    let (path, owner) = if user == 0 {
        drop(place.open());
        chown(place.folder(), Some(65534), None).unwrap();
        (place.folder(), 65534)
    } else {
        (PathBuf::from("/usr"), 0)
    };
    let begins = format!("PATH belongs to the user {owner}, and the host runs as {user}; ");
    assert!(refused(&path).starts_with(&begins), "{}", refused(&path));
}

#[test]
fn what_is_no_folder_is_refused() {
    let place = Place::new();
    drop(place.open());
    let at = |name: &str| place.0.path().join(name);
    symlink(place.folder(), at("link")).unwrap();
    symlink("nowhere", at("broken")).unwrap();
    fs::write(at("file"), "").unwrap();
    for name in ["link", "broken", "file"] {
        assert_eq!(refused(&at(name)), "PATH is a symbolic link or no folder; name the folder itself", "{name}");
    }
    assert!(refused(&at("file/below")).starts_with("PATH cannot be made: "), "{}", refused(&at("file/below")));
    // Nobody can make anything there, not even root.
    let path = Path::new("/proc/sandbus/compiled");
    assert!(refused(path).starts_with("PATH cannot be made: "), "{}", refused(path));
}

#[test]
fn where_nothing_can_be_written_nothing_is_kept() {
    let place = Place::new();
    let cache = place.open();
    // As in a read-only folder, but root is hindered, too.
    fs::remove_dir(place.folder()).unwrap();
    cache.put(&A, CODE);
    cache.put(&A, CODE);
    assert_eq!(cache.get(&A), None);
    assert!(cache.complained.load(Ordering::Relaxed));
}

const LENGTH: u64 = (HEADER + CODE.len()) as u64;

#[test]
fn the_least_recently_used_goes_first() {
    let place = Place::new();
    let cache = place.bounded(3 * LENGTH);
    for (content, seconds) in [(&A, 30), (&B, 20), (&C, 10)] {
        cache.put(content, CODE);
        cache.age(&cache.file(content), seconds);
    }
    // Used, and so not the oldest any more.
    assert!(cache.get(&A).is_some());
    cache.put(&D, CODE);
    let left = [&A, &B, &C, &D].map(|content| cache.file(content).exists());
    assert_eq!(left, [true, false, true, true]);
    assert_eq!(place.bytes(), 3 * LENGTH);
    cache.put(&B, CODE);
    assert_eq!([&A, &B, &C, &D].map(|content| cache.get(content).is_some()), [true, true, false, true]);
}

#[test]
fn what_is_larger_than_all_may_be_is_not_kept() {
    let place = Place::new();
    let cache = place.bounded(LENGTH);
    cache.put(&A, CODE);
    cache.put(&B, &[CODE, b"!"].concat());
    assert_eq!(cache.get(&A).as_deref(), Some(CODE));
    assert_eq!(cache.get(&B), None);
    // Nor read, whoever put it there.
    let large = place.bounded(10 * LENGTH);
    large.put(&B, &[CODE, b"!"].concat());
    assert!(large.get(&B).is_some());
    assert_eq!(cache.get(&B), None);
}

#[test]
fn files_of_others_are_left_alone() {
    let place = Place::new();
    let cache = place.bounded(2 * LENGTH);
    let name = name_of(&A);
    let (longer, shorter, no_key) = (format!("{name}x"), &name[1..], format!("z{}", &name[1..]));
    let theirs = ["order.wasm", "notes.compiled", &longer, shorter, &no_key, ".unfinished"];
    for name in theirs {
        fs::write(place.folder().join(name), vec![0; 1000]).unwrap();
        cache.age(Path::new(name), 7 * 24 * 3600);
    }
    for content in [&A, &B, &C] {
        cache.put(content, CODE);
    }
    let files = place.files();
    assert!(theirs.iter().all(|name| files.contains(*name)), "{files:?}");
    assert_eq!(files.len(), theirs.len() + 2);
}

#[test]
fn what_a_dead_host_left_unfinished_is_removed() {
    let place = Place::new();
    let cache = place.bounded(2 * LENGTH);
    cache.put(&A, CODE);
    // Also while there is room.
    let roomy = place.bounded(10 * LENGTH);
    let unfinished = |content| format!("{}.0123456789abcdef{UNFINISHED}", name_of(&cache.key(content)));
    let (dead, alive) = (unfinished(&C), unfinished(&D));
    for name in [&dead, &alive] {
        fs::write(place.folder().join(name), "x").unwrap();
    }
    cache.age(Path::new(&dead), 2 * 3600);
    cache.age(Path::new(&alive), 600);
    roomy.put(&A, CODE);
    assert!(!place.files().contains(&dead));
    assert!(place.files().contains(&alive));
    // It counts as much as it has.
    cache.put(&B, CODE);
    assert!(!cache.file(&A).exists());
    assert!(cache.file(&B).exists());
}

#[test]
fn hosts_that_share_a_folder_never_see_half_an_entry() {
    let place = Place::new();
    drop(place.open());
    // Different lengths, and room for some of them.
    let code = |content: u8| vec![content; 20_000 + usize::from(content) * 100];
    let bound = 5 * 21_000;
    let seen = AtomicBool::new(false);
    let host = |seed: u64| {
        let cache = place.bounded(bound);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let content = random.u8(0..10);
            match cache.get(&[content; 32]) {
                Some(found) => {
                    assert!(found == code(content), "{content} is not what was put there");
                    seen.store(true, Ordering::Relaxed);
                }
                None => cache.put(&[content; 32], &code(content)),
            }
        }
        assert!(!cache.complained.load(Ordering::Relaxed));
    };
    let done = AtomicBool::new(false);
    // What stands there under its own name is whole at any time.
    let watch = || {
        let cache = place.bounded(bound);
        while !done.load(Ordering::Relaxed) {
            for content in 0..10 {
                let content = [content; 32];
                let Ok(file) = File::open(cache.file(&content)) else { continue };
                cache.read(&file, &cache.key(&content)).unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        let hosts: Vec<_> = (0..4).map(|seed| scope.spawn(move || host(seed))).collect();
        let watcher = scope.spawn(watch);
        let ended: Vec<_> = hosts.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        ended.into_iter().for_each(Result::unwrap);
    });
    assert!(seen.load(Ordering::Relaxed), "nothing was ever found");
    // Once nobody else writes, the bound holds to the byte.
    let cache = place.bounded(bound);
    cache.put(&[77; 32], &code(77));
    assert!(place.bytes() <= bound, "{} bytes", place.bytes());
    assert!(place.files().iter().all(|name| name.ends_with(ENTRY)));
}

/// What it made of a core module is as good as what it makes now, or is not found.
#[test]
fn the_wrapper_is_named_by_its_version() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock")).unwrap();
    let manifest = include_str!("../../../Cargo.toml");
    let (name, version) = WRAPPER.split_once(' ').unwrap();
    assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{WRAPPER} is not in Cargo.lock");
    let used = manifest.lines().find_map(|line| line.strip_prefix(&format!("{name} = \""))).unwrap();
    assert!(version.starts_with(used.trim_end_matches('"')), "the host uses {name} {used}");
}
