//! A document that takes the reader over: the code that opens it does what the attacker wants. The daemon loses that
//! mail's files and nothing else.
//!
//! This program is its own reader, whose parser obeys documents; the shipped one has no such parser.

mod shapes;
mod support;

use baosong::attribution::Outcome;
use baosong::config::Config;
use baosong::daemon::Daemon;
use baosong::message::{self, Content, Host, Tool};
use baosong::reader::run_with;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const ORDER: &[u8] = b"HIJACK ";
const WRITTEN: &str = "/tmp/baosong-hijacked";
const UNREAD: &str = "解析附件时程序中断，附件未读";

/// Hands everything on to the true host, but obeys the documents that it sees.
struct Hijacked<'a>(&'a mut dyn Host);

impl Host for Hijacked<'_> {
    fn keep(&mut self, bytes: &[u8]) -> String {
        let name = self.0.keep(bytes);
        if let Some(order) = bytes.strip_prefix(ORDER) {
            obey(&String::from_utf8_lossy(order));
        }
        name
    }

    fn run(&mut self, tool: Tool) -> Result<Vec<u8>, String> {
        self.0.run(tool)
    }

    fn is_late(&self) -> bool {
        self.0.is_late()
    }
}

fn obey(order: &str) {
    let done = match order {
        "exit" => std::process::exit(3),
        "hang" => loop {
            std::hint::spin_loop();
        },
        "allocate" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 64 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "panic" => panic!("on purpose"),
        "overflow" => deeper(1) > 0,
        "open a file" => std::fs::File::open("/etc/hostname").is_ok(),
        "write a file" => std::fs::write(WRITTEN, "x").is_ok(),
        "open a socket" => std::net::UdpSocket::bind("127.0.0.1:0").is_ok(),
        "start a process" => std::process::Command::new("/bin/true").status().is_ok(),
        other => panic!("an unknown order: {other}"),
    };
    assert!(!done, "the cage let it: {order}");
}

fn deeper(depth: u64) -> u64 {
    let block = std::hint::black_box([depth; 1024]);
    if block[0] == u64::MAX {
        return 0;
    }
    deeper(depth + 1) + 1
}

fn read(raw: &[u8], host: &mut dyn Host) -> Content {
    message::read(raw, &mut Hijacked(host))
}

fn main() -> ExitCode {
    if let Some(code) = run_with(read) {
        return code;
    }
    a_document_that_takes_the_reader_over_costs_its_mail_its_files_and_nothing_else();
    println!("a document that takes the reader over costs its mail its files and nothing else: ok");
    ExitCode::SUCCESS
}

/// Orders, and whether the reader that obeys them is lost.
const ORDERS: [(&str, bool); 9] = [
    ("exit", true),
    ("hang", true),
    ("allocate", true),
    ("panic", true),
    ("overflow", true),
    ("open a file", false),
    ("write a file", false),
    ("open a socket", false),
    ("start a process", false),
];

fn a_document_that_takes_the_reader_over_costs_its_mail_its_files_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mails = dir.path().join("mails");
    std::fs::create_dir(&mails).unwrap();
    for (order, _) in ORDERS {
        let document = [ORDER, order.as_bytes()].concat();
        let shape = shapes::attached("hijack", "a.txt", &document, None);
        std::fs::write(mails.join(format!("{order}.eml")), shape.raw).unwrap();
        let mut harmless = b"Received: from a by b; Wed, 25 May 2022 08:00:00 +0800\r\n".to_vec();
        harmless.extend(support::mail::report(
            &order.replace(' ', "-"),
            "沈阳市教育局",
            24,
        ));
        std::fs::write(mails.join(format!("{order} and then.eml")), harmless).unwrap();
    }
    let mut config = Config::default();
    config.reader.seconds_a_mail = 5;
    let mut daemon = Daemon::open(config, &dir.path().join("data")).unwrap();
    let begin = Instant::now();
    let imported = daemon.import(&[mails]).unwrap();
    assert_eq!((imported.new, imported.failed.len()), (ORDERS.len() * 2, 0));
    assert!(begin.elapsed() < Duration::from_secs(30));
    for row in daemon.store.mails(None).unwrap() {
        let lost = ORDERS
            .iter()
            .any(|(order, lost)| *lost && row.source == format!("{order}.eml"));
        let told: &[&str] = if lost {
            &[UNREAD, "附件“a.txt”未能读取：未打开"]
        } else {
            &[]
        };
        // A line of text and a file that is no report are for staff to look at.
        let harmless = row.source.contains("then");
        let outcome = if harmless {
            Outcome::Reports
        } else {
            Outcome::Review
        };
        assert_eq!(row.outcome, Some(outcome), "{}: {}", row.source, row.reason);
        assert_eq!(row.incomplete, told, "{}", row.source);
        let files = daemon.store.files_of_mail(row.id.unwrap()).unwrap();
        assert_eq!(files.len(), usize::from(!harmless), "{}: kept", row.source);
    }
    assert!(!Path::new(WRITTEN).exists());
}
