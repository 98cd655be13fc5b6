//! Files in the storage of the settings: durable on the disk first, read back from there, and lost nowhere.

mod support;

use baosong::config::{Config, Storage};
use baosong::daemon::doctor::{Doctor, Finding, Item, State};
use baosong::daemon::{Choice, Daemon, restore};
use baosong::store::{Blobs, Remote, hash};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use support::mail::{large, may};
use support::settings::{CODE, USER, settings};
use support::standin::Standin;
use tempfile::TempDir;
use tracing_subscriber::util::SubscriberInitExt;

const CITY: &str = "丹东市教育局";

struct House {
    server: Standin,
    config: Config,
    daemon: Daemon,
    dir: TempDir,
}

/// A report with a photo is kept, and the storage is a directory.
async fn house(change: impl Fn(&mut Config)) -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    server.deliver("INBOX", &large("a", CITY, 23, 100_000), may(24, 8, 10));
    let mut config = settings(server.ports(), dir.path());
    let there = dir.path().join("there");
    config.storage.url = Some(format!("file://{}", there.display()));
    config.storage.disk_days = Some(30);
    change(&mut config);
    let daemon = open(&config, &dir.path().join("data"));
    let mut house = House {
        server,
        config,
        daemon,
        dir,
    };
    house.daemon.pass(may(24, 9, 0)).await.unwrap();
    house
}

fn open(config: &Config, data_dir: &Path) -> Daemon {
    let mut daemon = Daemon::open(config.clone(), data_dir).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon
}

impl House {
    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The photo's hash.
    fn photo(&self) -> String {
        let id = self.daemon.store.submissions_of(1).unwrap()[0].fact.id;
        self.daemon.store.files_of_submission(id).unwrap()[0]
            .sha256
            .clone()
    }

    /// The blob where the mail lies as it came, without its photo.
    fn raw_mail(&self) -> String {
        let mail = self.daemon.store.raw_mails(None).unwrap().remove(0);
        mail.packed.unwrap().pack
    }

    fn on_disk(&self) -> PathBuf {
        Blobs::look(&self.data()).path(&self.photo())
    }

    fn in_storage(&self) -> PathBuf {
        let photo = self.photo();
        let there = self.dir.path().join("there");
        there.join(&photo[..2]).join(photo)
    }

    /// As if everything had lain on the disk since March; then the next day's pass.
    async fn grows_old(&mut self) {
        let march = SystemTime::from(may(1, 0, 0)) - Duration::from_secs(60 * 86_400);
        let blobs = Blobs::look(&self.data());
        for sha256 in blobs.all().unwrap() {
            let file = File::options().write(true).open(blobs.path(&sha256));
            file.unwrap().set_modified(march).unwrap();
        }
        self.daemon.pass(may(25, 9, 0)).await.unwrap();
    }

    fn restart(self) -> Self {
        drop(self.daemon);
        let daemon = open(&self.config, &self.dir.path().join("data"));
        Self { daemon, ..self }
    }
}

/// A photo goes no sooner than the mail in which it stands.
fn old_mails_go(config: &mut Config) {
    config.retention.files_days = Some(10);
    config.retention.raw_mails_days = Some(10);
}

#[tokio::test]
async fn what_is_stored_may_leave_the_disk_and_is_fetched_when_it_is_needed() {
    let mut house = house(|_| ()).await;
    assert_eq!(
        fs::read(house.in_storage()).unwrap(),
        fs::read(house.on_disk()).unwrap()
    );
    let raw = house.raw_mail();
    assert!(!house.daemon.store.stored().unwrap().contains(&raw));
    house.grows_old().await;
    assert!(!house.on_disk().exists());
    assert!(Blobs::look(&house.data()).path(&raw).exists());
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
    assert!(!house.on_disk().exists(), "looking keeps nothing");

    let pack = house.dir.path().join("pack");
    house
        .daemon
        .pack(Choice::All, &pack, may(25, 9, 1))
        .unwrap();
    assert!(house.on_disk().exists());
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
    house.daemon.reprocess(None).unwrap();
}

#[tokio::test]
async fn mails_as_they_came_are_stored_where_it_is_set_so_and_can_be_read_again() {
    let mut house = house(|config| config.storage.raw_mails = true).await;
    let raw = house.raw_mail();
    house.grows_old().await;
    assert!(!Blobs::look(&house.data()).path(&raw).exists());
    assert_eq!(house.daemon.reprocess(None).unwrap(), 1);
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_storage_that_is_down_costs_nothing_but_an_alarm() {
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "id\nsecret\n").unwrap();
    let nobody = |config: &mut Config| {
        config.storage.url = Some("s3://baosong".into());
        config.storage.endpoint = Some("http://127.0.0.1:1".into());
        config.storage.key_file = key.path().into();
    };
    let mut house = house(nobody).await;
    let open_alarms = |house: &House| {
        let alarms = house.daemon.store.open_alarms().unwrap().into_iter();
        alarms.map(|alarm| alarm.name).collect::<Vec<_>>()
    };
    assert_eq!(house.daemon.store.troubles().unwrap()[0].folder, "远程存储");
    assert!(open_alarms(&house).is_empty());
    house.daemon.pass(may(24, 9, 31)).await.unwrap();
    assert_eq!(open_alarms(&house), ["storage"]);
    house.grows_old().await;
    assert!(house.on_disk().exists(), "it lies nowhere else");
    let digest = house
        .daemon
        .digest("office@example.cn", may(25, 9, 0))
        .unwrap();
    assert!(digest.text.contains("远程存储："), "{}", digest.text);

    house.config.storage.url = Some(format!(
        "file://{}",
        house.dir.path().join("there").display()
    ));
    let mut house = house.restart();
    house.daemon.pass(may(25, 9, 3)).await.unwrap();
    assert!(house.in_storage().exists());
    assert!(open_alarms(&house).is_empty());
    assert!(house.daemon.store.troubles().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_damaged_in_the_storage_is_told_and_not_taken_for_the_file() {
    let mut house = house(|_| ()).await;
    house.grows_old().await;
    fs::write(house.in_storage(), b"something else").unwrap();
    let faults = house.daemon.verify().unwrap().faults;
    assert_eq!(faults.len(), 1);
    let pack = house.dir.path().join("pack");
    let error = house
        .daemon
        .pack(Choice::All, &pack, may(25, 9, 1))
        .unwrap_err();
    assert!(format!("{error:#}").contains("damaged"), "{error:#}");
    assert!(!house.on_disk().exists());
}

#[tokio::test]
async fn a_file_that_comes_again_is_on_the_disk_again() {
    let mut house = house(|_| ()).await;
    house.grows_old().await;
    house
        .server
        .deliver("INBOX", &large("b", CITY, 24, 100_000), may(25, 9, 1));
    house.daemon.pass(may(25, 9, 3)).await.unwrap();
    assert!(house.on_disk().exists());
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn retention_removes_it_there_too() {
    let mut house = house(old_mails_go).await;
    house.grows_old().await;
    let there = house.in_storage();
    assert!(there.exists());
    house
        .daemon
        .pass(may(25, 9, 0) + chrono::TimeDelta::days(400))
        .await
        .unwrap();
    assert!(!there.exists());
    assert!(house.daemon.store.stored().unwrap().is_empty());
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_leaves_to_the_storage_what_only_the_storage_holds() {
    let mut house = house(|_| ()).await;
    house.grows_old().await;
    let (backup, again) = (
        house.dir.path().join("backup"),
        house.dir.path().join("again"),
    );
    house.daemon.back_up(&backup).unwrap();
    assert!(!Blobs::look(&backup).path(&house.photo()).exists());
    restore(&backup, &again).unwrap();
    let restored = open(&house.config, &again);
    assert_eq!(restored.verify().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_storage_lost_stays_on_the_disk_and_is_stored_anew() {
    let mut house = house(|_| ()).await;
    fs::remove_file(house.in_storage()).unwrap();
    house.grows_old().await;
    assert!(house.on_disk().exists(), "it lies nowhere else");
    house.daemon.pass(may(25, 9, 3)).await.unwrap();
    assert!(house.in_storage().exists());

    fs::write(house.in_storage(), b"a part").unwrap();
    house.daemon.pass(may(26, 9, 0)).await.unwrap();
    assert!(house.on_disk().exists(), "it lies nowhere else whole");
    house.daemon.pass(may(26, 9, 3)).await.unwrap();
    house.daemon.pass(may(27, 9, 0)).await.unwrap();
    assert!(!house.on_disk().exists());
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn another_storage_is_not_taken_for_the_one_before() {
    let mut house = house(|_| ()).await;
    let other = house.dir.path().join("other");
    house.config.storage.url = Some(format!("file://{}", other.display()));
    let mut house = house.restart();
    house.daemon.pass(may(24, 9, 3)).await.unwrap();
    let photo = house.photo();
    assert!(other.join(&photo[..2]).join(&photo).exists());
}

#[tokio::test]
async fn files_that_moved_to_another_storage_are_found_there() {
    let mut house = house(|_| ()).await;
    house.grows_old().await;
    let [before, after] = ["there", "moved"].map(|name| house.dir.path().join(name));
    fs::rename(before, &after).unwrap();
    house.config.storage.url = Some(format!("file://{}", after.display()));
    let mut house = house.restart();
    house.daemon.pass(may(25, 9, 3)).await.unwrap();
    assert!(
        house
            .daemon
            .store
            .stored()
            .unwrap()
            .contains(&house.photo())
    );
    house
        .daemon
        .back_up(&house.dir.path().join("backup"))
        .unwrap();
}

/// A second photo comes, and everything is stored but what cannot be.
async fn second_photo_comes(house: &mut House) {
    house
        .server
        .deliver("INBOX", &large("b", CITY, 24, 200_000), may(24, 9, 1));
    house.daemon.pass(may(24, 9, 3)).await.unwrap();
}

#[tokio::test]
async fn what_rotted_on_the_disk_is_not_stored_as_good_and_keeps_no_other_out() {
    let mut house = house(|config| config.storage.url = None).await;
    let mut rotten = fs::read(house.on_disk()).unwrap();
    rotten[50_000] ^= 1;
    fs::write(house.on_disk(), rotten).unwrap();
    let there = house.dir.path().join("there");
    house.config.storage.url = Some(format!("file://{}", there.display()));
    let mut house = house.restart();
    second_photo_comes(&mut house).await;
    assert!(!house.in_storage().exists());
    assert_eq!(house.daemon.store.stored().unwrap().len(), 1);
    let troubles = house.daemon.store.troubles().unwrap();
    assert!(troubles[0].what.contains("damaged on the disk"));
}

#[tokio::test]
async fn what_the_storage_refuses_keeps_no_other_out() {
    let mut house = house(|config| config.storage.url = None).await;
    // No file takes the place of a directory.
    fs::create_dir_all(house.in_storage().join("x")).unwrap();
    let there = house.dir.path().join("there");
    house.config.storage.url = Some(format!("file://{}", there.display()));
    let mut house = house.restart();
    second_photo_comes(&mut house).await;
    assert_eq!(house.daemon.store.unstored(false).unwrap(), [house.photo()]);
    assert_eq!(house.daemon.store.stored().unwrap().len(), 1);
}

#[tokio::test]
async fn many_that_the_storage_refuses_are_not_always_the_first_and_the_last() {
    let mut house = house(|config| config.storage.url = None).await;
    for (id, bytes) in [("b", 110_000), ("c", 120_000)] {
        let raw = large(id, CITY, 23, bytes);
        house.server.deliver("INBOX", &raw, may(24, 9, 1));
    }
    house.daemon.pass(may(24, 9, 3)).await.unwrap();
    let there = house.dir.path().join("there");
    let refused = house.daemon.store.unstored(false).unwrap();
    assert_eq!(refused.len(), 3);
    for sha256 in &refused {
        fs::create_dir_all(there.join(&sha256[..2]).join(sha256).join("x")).unwrap();
    }
    house.config.storage.url = Some(format!("file://{}", there.display()));
    let mut house = house.restart();
    second_photo_comes(&mut house).await;
    assert!(house.daemon.store.stored().unwrap().is_empty());
    for minute in 0..59 {
        house.daemon.pass(may(24, 10, minute)).await.unwrap();
    }
    assert_eq!(house.daemon.store.stored().unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_is_told_once_of_a_storage_that_fails() {
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "id\nsecret\n").unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let written = std::sync::Arc::new(log.reopen().unwrap());
    let lines = tracing_subscriber::fmt().with_ansi(false);
    // Of one subscriber alone the library asks whichever thread comes by an event first, and that of another test has none.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = lines.with_writer(written).set_default();
    let mut house = house(|config| {
        config.storage.url = Some("s3://baosong".into());
        config.storage.endpoint = Some("http://127.0.0.1:1".into());
        config.storage.key_file = key.path().into();
    })
    .await;
    house.daemon.pass(may(24, 9, 3)).await.unwrap();
    let told = fs::read_to_string(log.path()).unwrap();
    assert_eq!(told.matches("files cannot be stored").count(), 1, "{told}");
}

#[tokio::test]
async fn what_cannot_be_removed_there_keeps_no_other_out() {
    let mut house = house(old_mails_go).await;
    fs::remove_file(house.in_storage()).unwrap();
    fs::create_dir_all(house.in_storage().join("x")).unwrap();
    let later = may(24, 9, 0) + chrono::TimeDelta::days(400);
    house
        .server
        .deliver("INBOX", &large("b", CITY, 24, 200_000), later);
    house.daemon.pass(later).await.unwrap();
    let stored = house.daemon.store.stored().unwrap();
    assert!(stored.len() == 2 && stored.contains(&house.photo()));
    assert_eq!(house.daemon.store.troubles().unwrap().len(), 1);
}

#[tokio::test]
async fn a_storage_that_cannot_be_opened_stops_nothing_and_is_used_once_it_can() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let key = |config: &mut Config| {
        config.storage.url = Some("s3://baosong".into());
        config.storage.key_file = "/nowhere/key".into();
    };
    let directory = |config: &mut Config| {
        config.storage.url = Some(format!("file://{}/there", file.path().display()));
    };
    let changes: [&dyn Fn(&mut Config); 2] = [&key, &directory];
    let mut last = None;
    for change in changes {
        let house = house(change).await;
        let troubles = house.daemon.store.troubles().unwrap();
        assert_eq!(troubles[0].folder, "远程存储", "{troubles:?}");
        assert!(house.on_disk().exists());
        last = Some(house);
    }
    let mut house = last.unwrap();
    fs::remove_file(file.path()).unwrap();
    house.daemon.pass(may(24, 9, 3)).await.unwrap();
    assert!(house.daemon.store.troubles().unwrap().is_empty());
    assert_eq!(house.daemon.store.stored().unwrap().len(), 1);
    fs::remove_dir_all(file.path()).unwrap();
}

#[test]
fn a_large_file_beats_with_each_piece() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Storage {
        url: Some(format!("file://{}/there", dir.path().display())),
        ..Storage::default()
    };
    let remote = Remote::of(&settings, "").unwrap();
    let (path, content) = (dir.path().join("file"), vec![7; (20 << 20) + 7]);
    fs::write(&path, &content).unwrap();
    let beats = std::cell::Cell::new(0);
    let beat = || beats.set(beats.get() + 1);
    remote.put(&hash(&content), &path, beat).unwrap();
    assert!(beats.get() >= 3, "{}", beats.get());
    // Nothing of what is no whole file is made visible.
    let other = hash(b"another");
    assert!(remote.put(&other, &path, || ()).is_err());
    assert_eq!(remote.size(&other).unwrap(), None);
}

/// What `check`, or online `doctor`, says of an item.
fn examined(storage: &Storage, online: bool, item: Item) -> Option<Finding> {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        storage: storage.clone(),
        ..Config::default()
    };
    let mut doctor = Doctor::new(config, dir.path(), may(24, 11, 0));
    doctor.read_in(env!("CARGO_BIN_EXE_baosong").into());
    let mut found = None;
    let mut tell = |finding: Finding| {
        if finding.item == item {
            found = Some(finding);
        }
    };
    doctor.machine(None, online, &mut tell).unwrap();
    found
}

#[test]
fn a_storage_is_called_good_once_a_file_was_put_there_and_nothing_is_left_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (there, file) = (dir.path().join("there"), dir.path().join("file"));
    let at = |url: String| Storage {
        url: Some(url),
        endpoint: Some("http://127.0.0.1:1".into()),
        key_file: file.clone(),
        ..Storage::default()
    };
    let states = |storage: &Storage| {
        [false, true].map(|online| examined(storage, online, Item::Storage).unwrap().state)
    };
    let directory = at(format!("file://{}", there.display()));
    assert_eq!(states(&directory), [State::NotTried, State::Ok]);
    assert!(!there.exists(), "it is made for the first file alone");
    fs::create_dir(&there).unwrap();
    assert_eq!(states(&directory), [State::NotTried, State::Ok]);
    let what = examined(&directory, true, Item::Storage).unwrap().what.en;
    assert!(what.contains("put, seen and removed"), "{what}");
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    assert_eq!(examined(&directory, true, Item::StorageKey), None);

    let bucket = at("s3://baosong".into());
    assert_eq!(states(&bucket), [State::Wrong; 2], "there is no key");
    fs::write(&file, "id\nsecret\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(states(&bucket), [State::NotTried, State::Wrong]);
    let key = examined(&bucket, false, Item::StorageKey).unwrap();
    assert_eq!(key.state, State::Warning, "others may read it");
    let below_a_file = at(format!("file://{}/there", file.display()));
    assert_eq!(states(&below_a_file), [State::Wrong; 2]);
}

#[test]
fn a_storage_that_lacks_its_key_is_refused_by_the_key_s_name() {
    let settings = Storage {
        url: Some("s3://baosong".into()),
        key_file: "/nowhere/key".into(),
        ..Storage::default()
    };
    let remote = Remote::of(&settings, "").unwrap();
    let error = format!("{:#}", remote.ready().unwrap_err());
    assert!(error.contains("storage.key_file"), "{error}");
}

#[test]
fn the_secret_of_a_key_is_not_shown_by_debug() {
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "the-id\nthe-secret\n").unwrap();
    let settings = Storage {
        url: Some("s3://baosong".into()),
        key_file: key.path().into(),
        ..Storage::default()
    };
    let remote = Remote::of(&settings, "").unwrap();
    remote.ready().unwrap();
    let shown = format!("{remote:?}");
    assert!(!shown.contains("the-secret"), "{shown}");
}

/// A server that speaks S3, from Python's registry; it ends when it is dropped.
struct S3 {
    port: u16,
    process: Child,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `None`, said aloud, where it is not installed: tests/run installs it, and says where by BAOSONG_S3_SERVER.
fn s3() -> Option<S3> {
    let Ok(program) = std::env::var("BAOSONG_S3_SERVER") else {
        eprintln!("SKIPPED: no S3 server; tests/run installs one");
        return None;
    };
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let mut command = Command::new(program);
    command.args(["-p", &port.to_string()]);
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let server = S3 {
        port,
        process: process.unwrap(),
    };
    let start = Instant::now();
    while !server.makes_bucket() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not start"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(server)
}

impl S3 {
    fn makes_bucket(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let request = "PUT /baosong HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n";
        let mut answer = String::new();
        let asked = stream.write_all(request.as_bytes());
        asked
            .and_then(|()| stream.read_to_string(&mut answer))
            .is_ok()
            && answer.contains(" 200 ")
    }

    fn storage(&self, key_file: &Path) -> Storage {
        Storage {
            url: Some("s3://baosong/week".into()),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            key_file: key_file.into(),
            ..Storage::default()
        }
    }
}

#[test]
fn small_and_large_files_go_to_s3_and_come_back_whole() {
    let Some(server) = s3() else { return };
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    fs::write(&key, "id\nsecret\n").unwrap();
    let remote = Remote::of(&server.storage(&key), "周").unwrap();
    assert!(remote.try_out().unwrap());
    // One request, one of exactly a piece, and several with a short end.
    for bytes in [0, 1, 8 << 20, (20 << 20) + 7] {
        let content: Vec<u8> = (0..bytes)
            .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let (path, sha256) = (dir.path().join("file"), hash(&content));
        fs::write(&path, &content).unwrap();
        assert_eq!(remote.put(&sha256, &path, || ()).unwrap(), u64::from(bytes));
        let mut back = Vec::new();
        remote.copy(&sha256, &mut back).unwrap();
        assert!(back == content, "{bytes} bytes");
        remote.remove(&sha256).unwrap();
        assert!(remote.copy(&sha256, &mut back).is_err());
        remote.remove(&sha256).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_s_photos_live_in_s3() {
    let Some(server) = s3() else { return };
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "id\nsecret\n").unwrap();
    let storage = |config: &mut Config| {
        config.storage = server.storage(key.path());
        config.storage.disk_days = Some(30);
    };
    let mut house = house(storage).await;
    assert!(
        house
            .daemon
            .store
            .stored()
            .unwrap()
            .contains(&house.photo())
    );
    house.grows_old().await;
    assert!(!house.on_disk().exists());
    assert_eq!(house.daemon.verify().unwrap().faults, Vec::<String>::new());
    let pack = house.dir.path().join("pack");
    house
        .daemon
        .pack(Choice::All, &pack, may(25, 9, 1))
        .unwrap();
    assert!(house.on_disk().exists());
}
