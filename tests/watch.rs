//! The running program as others watch it: status beside it, its pages, and what it tells the service manager.

mod support;

use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use support::mail::{may, report};
use support::settings::{CODE, USER};
use support::standin::{ImapFault, Standin};
use tempfile::TempDir;

/// No test waits longer for anything that must come.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the watchdog of these tests waits.
const WATCHDOG: Duration = Duration::from_millis(400);

struct House {
    server: Standin,
    dir: TempDir,
    manager: UnixDatagram,
}

/// A running daemon and the lines of its log; killed when it is dropped.
struct Running {
    child: Child,
    log: Receiver<Value>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn house() -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    server.deliver("INBOX", &report("a", "丹东市教育局", 23), may(24, 8, 10));
    let code = dir.path().join("code");
    std::fs::write(&code, CODE).unwrap();
    let text = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\npatience_seconds = 1\n\
         [outgoing]\ntransport = \"files\"\npatience_seconds = 1\n[alarms]\nleast_free_megabytes = 0\n\
         [watch]\nlisten = \"127.0.0.1:0\"\nhung_after_seconds = 2\n",
        server.imap_port()
    );
    std::fs::write(dir.path().join("settings.toml"), text).unwrap();
    let manager = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    House {
        server,
        dir,
        manager,
    }
}

impl House {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baosong"));
        command
            .args(["--at", "2022-05-24T09:00:00+08:00", "--config"])
            .arg(self.dir.path().join("settings.toml"))
            .arg("--data")
            .arg(self.data())
            .args(arguments);
        command
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn baosong(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the daemon under a service manager.
    fn run(&self) -> Running {
        let mut child = self
            .command(&["run"])
            .env("NOTIFY_SOCKET", self.dir.path().join("notify"))
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                let _ = to.send(line);
            }
        });
        Running { child, log }
    }

    /// What the service manager is told next that `is` so, after what it was told before.
    fn told(&self, is: impl Fn(&str) -> bool) -> (String, Vec<String>) {
        let mut before = Vec::new();
        let mut bytes = [0; 4096];
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < until, "the manager was told {before:?}");
            let length = self.manager.recv(&mut bytes).expect("the manager is told");
            let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
            if is(&text) {
                return (text, before);
            }
            before.push(text);
        }
    }

    fn is_told(&self, what: &str) {
        self.told(|text| text.contains(what));
    }
}

impl Running {
    /// The next line of the log with this message.
    fn says(&self, message: &str) -> Value {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{message} was not logged"));
            if line["message"] == message {
                return line;
            }
        }
    }

    fn url(&self) -> String {
        let line = self.says("answering watchers");
        format!("http://{}", line["at"].as_str().unwrap())
    }

    fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().code()
    }
}

fn asked(method: &str, url: &str) -> (u16, String, String) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    let mut answer = match method {
        "GET" => agent.get(url).call(),
        "HEAD" => agent.head(url).call(),
        _ => agent.post(url).send("x"),
    }
    .unwrap();
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let kind = header("allow")
        .or(header("content-type"))
        .unwrap_or_default();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), kind, text)
}

/// Asks until the answer is so.
fn becomes(url: &str, is: impl Fn(u16, &str) -> bool) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, _, text) = asked("GET", url);
        if is(status, &text) {
            return text;
        }
        assert!(Instant::now() < until, "{status} {text}");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_at_work_is_ready_healthy_and_shows_its_figures() {
    let house = house().await;
    let mut daemon = house.run();
    let url = daemon.url();
    house.is_told("READY=1");
    let (_, before) = house.told(|text| text.contains("polled 09:00; next pass "));
    assert!(!before.iter().any(|text| text.contains("STOPPING")));
    house.is_told("WATCHDOG=1");

    assert_eq!(
        asked("GET", &format!("{url}/healthz")),
        (200, "text/plain; charset=utf-8".into(), "ok\n".into())
    );
    let (status, kind, text) = asked("GET", &format!("{url}/metrics"));
    assert_eq!(
        (status, kind.as_str()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "baosong_healthy 1",
        "baosong_polls_total{result=\"done\"} 1",
        "baosong_mails_fetched_total 1",
        "baosong_mails{outcome=\"reports\"} 1",
        "baosong_server_mails{folder=\"INBOX\"} 1",
        "baosong_unexplained_mails{folder=\"INBOX\"} 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in {text}");
    }
    if let Some(path) = std::env::var_os("BAOSONG_METRICS_TO") {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(asked("HEAD", &format!("{url}/healthz")).2, "");
    let (status, allowed, _) = asked("POST", &format!("{url}/metrics"));
    assert_eq!((status, allowed.as_str()), (405, "GET, HEAD"));
    assert_eq!(asked("GET", &format!("{url}/")).0, 404);

    let status = house.baosong(&["status"]);
    let words = String::from_utf8(status.stdout).unwrap();
    assert_eq!(status.status.code(), Some(0), "{words}");
    for line in [
        "health     ok\n",
        &format!("daemon     process {} since ", daemon.child.id()),
        "poll       done 2022-05-24 09:00, 0 min before\n",
        "mails      1 on the server (INBOX 1) = 1 reports + 0 not reports + 0 in review + 0 unreadable; unexplained 0\n",
        "letters    0 wait\n",
        "next       digest 2022-05-24 10:30\n",
        "day 2 of 7\n",
    ] {
        assert!(words.contains(line), "{line} in {words}");
    }
    assert_eq!(house.baosong(&["health"]).status.code(), Some(0));

    assert_eq!(daemon.stop(), Some(0));
    house.is_told("STOPPING=1");
    let status = house.baosong(&["status"]);
    assert!(
        String::from_utf8(status.stdout)
            .unwrap()
            .contains("daemon     none runs\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_fails_is_no_health() {
    let house = house().await;
    let refusal = format!("LOGIN {USER} is locked").into_bytes();
    house.server.misbehave(ImapFault::RefuseLogin(refusal));
    let mut daemon = house.run();
    let url = daemon.url();
    let text = becomes(&format!("{url}/healthz"), |status, text| {
        status == 503 && text.contains("the last poll failed") && text.contains("授权码")
    });
    assert!(
        text.contains("l***@163.com is locked") && !text.contains(USER),
        "{text}"
    );
    let figures = asked("GET", &format!("{url}/metrics")).2;
    for line in [
        "baosong_healthy 0",
        "baosong_poll_failing 1",
        "baosong_polls_total{result=\"failed\"} 1",
    ] {
        assert!(
            figures.lines().any(|other| other == line),
            "{line} in {figures}"
        );
    }
    let (state, _) = house.told(|text| text.contains("failed"));
    assert!(
        state.contains("the poll of 09:00 failed") && !state.contains(USER),
        "{state}"
    );
    let health = house.baosong(&["health"]);
    assert_eq!(health.status.code(), Some(1));
    let said = String::from_utf8(health.stderr).unwrap();
    assert!(
        said.contains("the last poll failed") && !said.contains(USER),
        "{said}"
    );
    let status = house.baosong(&["status", "--json"]);
    assert_eq!(
        status.status.code(),
        Some(0),
        "it can be seen, though it is not well"
    );
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(status["poll"]["error"].as_str().unwrap().contains("locked"));
    assert_eq!(status["poll"]["succeeded"], Value::Null);
    assert_eq!(status["kept"]["alarms"][0]["name"], "credentials");
    assert_eq!(daemon.stop(), Some(0));
}

/// The file of the code is a pipe: reading it hangs until someone writes to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_hangs_is_told_and_feeds_no_watchdog_until_it_goes_on() {
    let house = house().await;
    let code = house.dir.path().join("code");
    std::fs::remove_file(&code).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&code)
            .status()
            .unwrap()
            .success()
    );
    let mut daemon = house.run();
    let url = daemon.url();
    house.is_told("READY=1");
    house.is_told("WATCHDOG=1");
    let (state, _) = house.told(|text| text.contains("no progress since"));
    assert!(
        state.contains("reading the mailbox") && !state.contains("WATCHDOG"),
        "{state}"
    );
    let line = daemon.says("the pass hangs");
    let state = line["state"].as_str().unwrap();
    assert!(state.ends_with(": reading the mailbox"), "{line}");
    let (status, _, text) = asked("GET", &format!("{url}/healthz"));
    assert!(
        status == 503 && text.contains("the pass hangs"),
        "{status} {text}"
    );
    assert!(
        asked("GET", &format!("{url}/metrics"))
            .2
            .contains("\nbaosong_pass_hangs 1\n")
    );
    let status = house.baosong(&["status"]);
    let words = String::from_utf8(status.stdout).unwrap();
    assert!(words.contains("hangs: no progress since"), "{words}");
    house.manager.set_read_timeout(Some(4 * WATCHDOG)).unwrap();
    assert!(
        house.manager.recv(&mut [0; 100]).is_err(),
        "a pass that hangs feeds no watchdog"
    );

    house.manager.set_read_timeout(Some(PATIENCE)).unwrap();
    std::fs::write(&code, CODE).unwrap();
    house.is_told("WATCHDOG=1");
    daemon.says("the pass goes on");
    becomes(&format!("{url}/healthz"), |status, text| {
        status == 200 && text == "ok\n"
    });
    assert_eq!(daemon.stop(), Some(0));
    house.is_told("STOPPING=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_told_by_all_and_left_as_it_is() {
    let house = house().await;
    let daemon = house.run();
    let url = daemon.url();
    becomes(&format!("{url}/healthz"), |status, _| status == 200);
    // What was written last stands in the log alone, and the page with the database's head among it.
    let files = ["baosong.db", "baosong.db-wal"].map(|name| house.data().join(name));
    let mut log = std::fs::OpenOptions::new()
        .write(true)
        .open(&files[1])
        .unwrap();
    log.write_all(b"no log any more").unwrap();
    let on_disk = || files.each_ref().map(|file| std::fs::read(file).unwrap());
    let before = on_disk();
    let (status, _, text) = asked("GET", &format!("{url}/healthz"));
    assert!(
        status == 503 && text.contains("the database is damaged"),
        "{status} {text}"
    );
    let figures = asked("GET", &format!("{url}/metrics")).2;
    assert!(
        figures.contains("\nbaosong_database_usable 0\n")
            && figures.contains("baosong_disk_free_bytes")
    );
    let status = house.baosong(&["status"]);
    let words = String::from_utf8(status.stdout).unwrap();
    assert_eq!(status.status.code(), Some(1));
    assert!(
        words.contains("database   cannot be used: the database is damaged"),
        "{words}"
    );
    assert!(
        words.contains("disk       free") && words.contains("day 2 of 7"),
        "{words}"
    );
    let status = house.baosong(&["status", "--json"]);
    let json: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (status.status.code(), &json["kept"]),
        (Some(1), &Value::Null)
    );
    assert!(on_disk() == before, "nothing is written to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_json_has_the_stated_shape() {
    let house = house().await;
    assert!(house.baosong(&["once"]).status.success());
    let status = house.baosong(&["status", "--json"]);
    let json: Value = serde_json::from_slice(&status.stdout).unwrap();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let interface = include_str!("../docs/interface.md");
    let section = interface.split("## `status --json`").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: HashSet<&str> = section
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let mut all = keys(&json);
    for part in [
        "daemon", "poll", "database", "kept", "disk", "campaign", "next",
    ] {
        all.extend(keys(&json[part]));
    }
    for part in ["mails", "letters"] {
        all.extend(keys(&json["kept"][part]));
    }
    all.extend(keys(&json["kept"]["ledger"][0]));
    assert!(all.len() > 50);
    for key in all {
        assert!(
            named.contains(key.as_str()),
            "{key} is not in docs/interface.md"
        );
    }
    assert_eq!(json["wrong"], serde_json::json!([]));
    assert_eq!(
        (&json["daemon"]["runs"], &json["daemon"]["pid"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(json["poll"]["attempted"], "2022-05-24T09:00:00+08:00");
    assert_eq!(json["kept"]["ledger"][0]["reports"], 1);
    assert_eq!(json["next"]["digest"], "2022-05-24T10:30:00+08:00");
    assert_eq!(
        (&json["campaign"]["day"], &json["campaign"]["days"]),
        (&2.into(), &7.into())
    );
}

#[test]
fn status_of_a_directory_without_a_database_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("mistyped");
    let output = Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--data", data.to_str().unwrap(), "status"])
        .output()
        .unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("holds no database"), "{words}");
    assert!(!Path::new(&data).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_end_is_not_heard_out() {
    let house = house().await;
    let daemon = house.run();
    let url = daemon.url();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n",
        "a".repeat(40_000)
    );
    // The server may hang up in the midst of it.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    // One that says nothing keeps no other from its answer.
    let _silent = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    becomes(&format!("{url}/healthz"), |status, _| status == 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_keeps_no_mail_from_being_read() {
    let house = house().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let path = house.dir.path().join("settings.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let port = taken.local_addr().unwrap().to_string();
    std::fs::write(&path, text.replace("127.0.0.1:0", &port)).unwrap();
    let daemon = house.run();
    daemon.says("watchers cannot be answered, see watch.listen");
    daemon.says("judged");
}
