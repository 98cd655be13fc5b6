//! A look at a database that changes nothing: no schema is brought up to date, no file of its log made.

use super::{BUSY, DATABASE, looked_through, migrations, moment, refuse_garbage, refuse_lost};
use crate::campaign::Moment;
use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use std::io::ErrorKind;
use std::path::Path;

/// What a database is like that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Of its schema.
    pub version: usize,
    /// Of the schema that this program writes.
    pub newest: usize,
    /// Mails kept.
    pub mails: u32,
    /// Arrival of the oldest mail that was ever seen in INBOX.
    pub oldest_of_inbox: Option<Moment>,
}

/// Looks through the database of `data_dir`; `None` where there is none yet.
///
/// With `alone` nobody else works on it: where its log is empty it is read without one, so that none comes to be that
/// belongs to whoever asks.
///
/// # Errors
/// With a [`Fault`](super::Fault) as context where it is damaged, or missing beside kept mails.
pub fn survey(data_dir: &Path, alone: bool) -> Result<Option<Survey>> {
    let database = data_dir.join(DATABASE);
    let bytes = match database.metadata() {
        Ok(data) => data.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot look at {}", database.display()));
        }
    };
    refuse_lost(data_dir)?;
    if bytes == 0 {
        return Ok(None);
    }
    refuse_garbage(&database)?;
    let connection = open(&database, alone && !has_log(data_dir))?;
    connection.busy_timeout(BUSY)?;
    looked_through(&connection)?;
    let one = |query: &str| connection.query_row(query, [], |row| row.get::<_, Option<i64>>(0));
    let version = one("PRAGMA user_version")?.unwrap_or(0) as usize;
    let newest = migrations::NEWEST;
    let known = (1..=newest).contains(&version);
    let count = |query| if known { one(query) } else { Ok(None) };
    let oldest = count("SELECT min(received_at) FROM locations WHERE folder = 'INBOX'")?;
    Ok(Some(Survey {
        version,
        newest,
        mails: count("SELECT count(*) FROM mails")?.unwrap_or(0) as u32,
        oldest_of_inbox: oldest.map(moment),
    }))
}

/// Whether the database's log holds something that is not in the database.
pub fn has_log(data_dir: &Path) -> bool {
    let log = data_dir.join(format!("{DATABASE}-wal"));
    log.metadata().is_ok_and(|log| log.len() > 0)
}

fn open(database: &Path, immutable: bool) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match immutable {
        false => Connection::open_with_flags(database, flags),
        true => {
            let escaped = database.to_string_lossy().replace('%', "%25");
            let escaped = escaped.replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{escaped}?immutable=1");
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
        }
    };
    opened.with_context(|| format!("cannot open {}", database.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Fault, Lock, Store};

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_look_leaves_no_file_and_no_newer_schema() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(survey(dir.path(), true).unwrap(), None);
        assert_eq!(names(dir.path()), Vec::<String>::new());
        Store::open_file(&dir.path().join(DATABASE)).unwrap();
        let older = Connection::open(dir.path().join(DATABASE)).unwrap();
        older.pragma_update(None, "user_version", 3).unwrap();
        drop(older);
        let before = names(dir.path());
        let seen = survey(dir.path(), true).unwrap().unwrap();
        assert_eq!((seen.version, seen.newest), (3, migrations::NEWEST));
        assert_eq!(names(dir.path()), before);
    }

    #[test]
    fn a_lock_is_seen_and_stays_with_whom_it_is() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Lock::is_held(dir.path()).unwrap());
        let lock = Lock::take(dir.path()).unwrap();
        assert!(Lock::is_held(dir.path()).unwrap());
        drop(lock);
        assert!(!Lock::is_held(dir.path()).unwrap());
        assert!(Lock::try_take(dir.path()).unwrap().is_some());
    }

    #[test]
    fn a_damaged_and_a_lost_database_are_faults() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("blobs/00")).unwrap();
        let fault = |alone| {
            let error = survey(dir.path(), alone).unwrap_err();
            Fault::of(&error, dir.path())
        };
        assert_eq!(fault(true), Some(Fault::Missing));
        std::fs::write(dir.path().join(DATABASE), [7; 8192]).unwrap();
        assert_eq!(
            (fault(true), fault(false)),
            (Some(Fault::Damaged), Some(Fault::Damaged))
        );
    }
}
