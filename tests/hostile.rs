//! Hostile mails, each through an import with the real reader process: kept with an outcome, in time, and with its reason.

mod shapes;

use baosong::config::Config;
use baosong::daemon::Daemon;
use shapes::Shape;
use std::path::Path;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_baosong");
/// What a mail may take in all.
const MOST: Duration = Duration::from_secs(30);
/// Told where a mail cost a reader its life, as one beyond its memory does.
const LOST: &str = "程序中断";

/// Imports each by itself; gives what went wrong.
fn faults(shapes: &[Shape]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::open(Config::default(), &dir.path().join("data")).unwrap();
    daemon.read_in(PROGRAM.into());
    shapes
        .iter()
        .filter_map(|shape| fault(&mut daemon, dir.path(), shape))
        .collect()
}

fn fault(daemon: &mut Daemon, dir: &Path, shape: &Shape) -> Option<String> {
    let path = dir.join(format!("{}.eml", shape.name));
    std::fs::write(&path, &shape.raw).unwrap();
    let begin = Instant::now();
    let imported = daemon.import(std::slice::from_ref(&path)).unwrap();
    let took = begin.elapsed();
    let rows = daemon.store.mails(None).unwrap();
    let row = rows
        .iter()
        .find(|row| row.source == format!("{}.eml", shape.name));
    let Some(row) = row.filter(|_| imported.new == 1) else {
        return Some(format!("{} was not kept: {imported:?}", shape.name));
    };
    let told = &row.incomplete;
    let right = match shape.told {
        Some(words) => told.iter().any(|line| line.contains(words)),
        None => told.is_empty(),
    };
    let lost = told.iter().any(|line| line.contains(LOST));
    let wrong = took > MOST || lost || !right || row.outcome.is_none();
    wrong.then(|| {
        format!(
            "{} took {took:?}, {:?}, told {told:.300?}",
            shape.name, row.outcome
        )
    })
}

macro_rules! end_with_their_reason {
    ($($fact:ident: $family:ident),* $(,)?) => {
        $(#[test]
        fn $fact() {
            assert_eq!(faults(&shapes::$family::all()), Vec::<String>::new());
        })*
    };
}

end_with_their_reason! {
    archives_that_grow_nest_lie_or_lead_elsewhere_end_with_their_reason: archives,
    documents_that_grow_or_refer_elsewhere_end_with_their_reason: documents,
    pdfs_without_end_end_with_their_reason: pdfs,
    pictures_beyond_all_measure_end_with_their_reason: pictures,
    frames_without_measure_end_with_their_reason: frames,
    pages_and_texts_that_cost_time_end_with_their_reason: pages,
}
