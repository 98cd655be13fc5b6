//! 4. What is kept: facts in SQLite, raw mail and files on disk named by their hash.

mod alarms;
mod blobs;
mod bounces;
mod clock;
mod contents;
mod corrections;
mod cursors;
mod decisions;
mod entries;
mod fact;
mod fault;
mod intake;
mod letters;
mod listing;
mod migrations;
mod packs;
mod remote;
mod removed;
mod replies;
mod resemblance;
mod shell;
mod stars;
mod stored;
mod survey;
mod upkeep;
mod verdicts;
mod wire;

pub use alarms::Alarm;
pub use blobs::{Blobs, Staged, hash_file};
pub use bounces::Returned;
pub use corrections::{CorrectionRow, Lesson, LessonKind, NewCorrection, NewLesson};
pub use cursors::{Cursor, Ledger, Place, Trouble};
pub use decisions::Decision;
pub use entries::Entry;
pub use fact::{Fact, Unjudged};
pub use fault::{Fault, handles_left};
pub use intake::{Kept, RawMail, start};
pub use letters::{LetterRow, LetterState, NewLetter, Waiting};
pub use listing::{Census, FileRow, MailRow, SubmissionRow};
pub use packs::{Loose, Packed, SMALL, is_mail_at, mails_in};
pub use remote::{Remote, is_of_storage};
pub use replies::{Answered, Reply};
pub use shell::{Shell, Shelling};
pub use survey::{Survey, has_log, survey};
pub use upkeep::Named;
pub use verdicts::Judging;

/// The name by which bytes are kept.
pub use crate::message::sha256 as hash;

use crate::attribution::Words;
use crate::campaign::{CST, Moment};
use crate::message::Content;
use anyhow::{Context, Result, anyhow, bail, ensure};
use chrono::{DateTime, TimeZone};
use fail::fail_point;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// The file's name in its data directory.
const DATABASE: &str = "baosong.db";
/// How long another process may hold the database before it counts as locked.
const BUSY: Duration = Duration::from_secs(10);
/// The same for one that only looks, and is waited for.
const BUSY_TO_LOOK: Duration = Duration::from_secs(3);
/// Bytes of a page of a new database, four times what SQLite sets: what was read from a mail fills one of those, and to
/// write a larger one costs little more. A database that is there keeps its own.
const PAGE: i32 = 16 << 10;
/// Bytes in the log at which they go into the database, four times what SQLite sets: many mails touch most pages of the
/// index of hashes.
const LOG: i32 = 16 << 20;
/// Kilobytes of the database in memory, as SQLite sets them.
const CACHE: i32 = 2000;

/// The database of one data directory.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// What was read from the mails kept last, by row id: they are judged next, and need not be read back.
    fresh: HashMap<i64, (Content, Option<Words>)>,
    /// Of the hashes of mails kept since it was opened, the [`start`].
    kept: HashSet<u64>,
    /// Changed rows that tell only that polls went on, or that an alarm lasts.
    bookkeeping: u64,
    /// Whether it [`hurries`](Self::hurries).
    hurries: bool,
    /// Mails kept in the transaction that is open.
    gathered: usize,
    /// When it began.
    begun: Option<Instant>,
    /// Batches were taken back: from then on each is committed by itself, lest one takes others along again and again.
    wary: bool,
}

impl Store {
    /// Opens or creates `baosong.db` in `data_dir`, brought up to date.
    ///
    /// # Errors
    /// Also where mails are kept beside no database: one that was lost must not be taken for a new one.
    pub fn open(data_dir: &Path) -> Result<Self> {
        refuse_lost(data_dir)?;
        Self::create(data_dir)
    }

    /// Opens `baosong.db` in `data_dir` to read it alone: nothing is created, brought up to date or locked.
    ///
    /// # Errors
    /// As [`open`](Self::open); also where there is no database yet, or one of another version of this program.
    pub fn look(data_dir: &Path) -> Result<Self> {
        refuse_lost(data_dir)?;
        let path = data_dir.join(DATABASE);
        ensure!(path.exists(), "{} holds no database", data_dir.display());
        refuse_garbage(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let look = || -> Result<Connection> {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.busy_timeout(BUSY_TO_LOOK)?;
            migrations::refuse_other(&connection)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            Ok(connection)
        };
        let connection = look().with_context(|| format!("database {}", path.display()))?;
        Ok(Self::over(connection))
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection,
            fresh: HashMap::new(),
            kept: HashSet::new(),
            bookkeeping: 0,
            hurries: false,
            gathered: 0,
            begun: None,
            wary: false,
        }
    }

    /// Bytes of the database and its log in `data_dir`.
    pub fn bytes(data_dir: &Path) -> u64 {
        let files = [DATABASE.to_owned(), format!("{DATABASE}-wal")];
        let sizes = files.map(|name| data_dir.join(name).metadata().map_or(0, |data| data.len()));
        sizes.iter().sum()
    }

    /// The same, also beside mails that are kept already.
    pub fn create(data_dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(data_dir).with_context(|| {
            format!(
                "cannot create {}; name another with --data",
                data_dir.display()
            )
        })?;
        Self::connect(&data_dir.join(DATABASE))
    }

    /// Opens or creates one database file, brought up to date, and looks through it.
    pub fn open_file(path: &Path) -> Result<Self> {
        let store = Self::connect(path)?;
        store.check()?;
        Ok(store)
    }

    /// A damaged database is not written to: it is looked through before anything is changed in it, and what its log
    /// holds is not copied into it before [`Store::check`].
    fn connect(path: &Path) -> Result<Self> {
        refuse_garbage(path)?;
        let connection =
            Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut store = Self::over(connection);
        store
            .set_up()
            .with_context(|| format!("database {}", path.display()))?;
        Ok(store)
    }

    fn set_up(&mut self) -> Result<()> {
        let connection = &mut self.connection;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        connection.busy_timeout(BUSY)?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        if mode != "wal" || migrations::is_due(connection)? {
            looked_through(connection)?;
        }
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        if pages == 0 {
            connection.pragma_update(None, "page_size", PAGE)?;
        }
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        let page: i32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG / page, |_| Ok(()))?;
        // Plans do not depend on bound values; without this SQLite prepares a statement anew for each.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(128);
        migrations::migrate(connection)
    }

    /// While it `hurries` mails that come at once are kept in one transaction, as far as nothing else is written, and
    /// commits follow each other without being flushed one by one. Power that fails takes the last of them back, in their
    /// order, and their mails are fetched again; the first commit after it flushes them all. More of the database is held
    /// in memory meanwhile.
    pub fn hurries(&mut self, hurries: bool) -> Result<()> {
        let committed = self.commit();
        self.hurries = hurries;
        let (flushed, cache) = match hurries {
            true => ("NORMAL", 4 * CACHE),
            false => ("FULL", CACHE),
        };
        let connection = &self.connection;
        connection.pragma_update(None, "synchronous", flushed)?;
        connection.pragma_update(None, "cache_size", -cache)?;
        committed
    }

    /// Begins a transaction, after the end of that in which mails are gathered.
    fn transaction(&mut self) -> Result<Transaction<'_>> {
        self.commit()?;
        Ok(self.connection.transaction()?)
    }

    /// Joins the transaction in which mails are gathered, or begins it.
    fn gather(&mut self) -> Result<()> {
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.begun = Some(Instant::now());
        }
        Ok(())
    }

    /// Ends the transaction in which mails are gathered, if there is one.
    ///
    /// # Errors
    /// Then none of them is kept.
    pub fn commit(&mut self) -> Result<()> {
        self.gathered = 0;
        if self.connection.is_autocommit() {
            return Ok(());
        }
        fail_point!("rows written");
        let committed = self.connection.execute_batch("COMMIT");
        committed.inspect_err(|_| self.roll_back())?;
        fail_point!("rows committed");
        Ok(())
    }

    /// Takes back what was gathered.
    fn roll_back(&mut self) {
        (self.gathered, self.wary) = (0, true);
        // Some faults of the disk have ended the transaction already.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// The same as long as nothing was written that a letter may rest on, by this process or another.
    pub fn version(&self) -> Result<(i64, u64)> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        let others = statement.query_row([], |row| row.get(0))?;
        Ok((others, self.connection.total_changes() - self.bookkeeping))
    }

    /// Reads the whole file for pages that are not what SQLite writes.
    ///
    /// # Errors
    /// [`Fault::Damaged`].
    pub fn check(&self) -> Result<()> {
        self.look_through()?;
        self.is_sound()
    }

    /// The same, by one that only looks.
    ///
    /// # Errors
    /// [`Fault::Damaged`].
    pub fn look_through(&self) -> Result<()> {
        looked_through(&self.connection)
    }

    /// Notes that the file was looked through, by this connection or another.
    pub fn is_sound(&self) -> Result<()> {
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(())
    }

    /// Closes a database that was found damaged, with no further write to its file.
    pub fn leave(self) {
        // Where even this fails, SQLite does not get as far as writing.
        let _ = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

fn looked_through(connection: &Connection) -> Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(anyhow!(found).context(Fault::Damaged))
}

/// Mails are kept beside no database: it was lost.
fn refuse_lost(data_dir: &Path) -> Result<()> {
    let database = data_dir.join(DATABASE);
    let empty = !database.metadata().is_ok_and(|data| data.len() > 0);
    let kept = std::fs::read_dir(data_dir.join("blobs")).is_ok_and(|mut all| all.next().is_some());
    if empty && kept {
        return Err(anyhow!("{} is missing or empty", database.display()).context(Fault::Missing));
    }
    Ok(())
}

/// SQLite takes a log without its mark for an empty one, and what was last written would be gone in silence.
fn refuse_garbage(database: &Path) -> Result<()> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let mut start = [0; 4];
    let read = File::open(&log).and_then(|mut file| file.read_exact(&mut start));
    // The mark (sqlite.org/fileformat2.html, 4.1); its last bit is the byte order. Zeros: nothing was written yet.
    let mark = u32::from_be_bytes(start);
    if read.is_ok() && mark != 0 && mark & !1 != 0x377f_0682 {
        let log = Path::new(&log).display();
        return Err(anyhow!("{log} is no log of SQLite's").context(Fault::Damaged));
    }
    Ok(())
}

/// Held while a process writes to a data directory.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    /// A process that was just started holds all files of ours until it runs its own program, and with them the lock
    /// (flock(2)), unless that is given up.
    fn drop(&mut self) {
        // Closed, it is given up as well, only later.
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Takes the lock, or says that another instance has it.
    pub fn take(data_dir: &Path) -> Result<Self> {
        Self::try_take(data_dir)?.with_context(|| {
            format!(
                "another baosong works on {}; stop it first, or name another directory with --data",
                data_dir.display()
            )
        })
    }

    /// Whether an instance has the lock. Writes nothing.
    pub fn is_held(data_dir: &Path) -> Result<bool> {
        let path = data_dir.join("lock");
        match File::open(&path).map(|file| file.try_lock_shared()) {
            Ok(Ok(())) => Ok(false),
            Ok(Err(std::fs::TryLockError::WouldBlock)) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) | Ok(Err(std::fs::TryLockError::Error(error))) => {
                Err(error).with_context(|| format!("cannot look at {}", path.display()))
            }
        }
    }

    /// Takes the lock; `None` where another instance has it.
    pub fn try_take(data_dir: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(data_dir).with_context(|| {
            format!(
                "cannot create {}; name another with --data",
                data_dir.display()
            )
        })?;
        let path = data_dir.join("lock");
        let file =
            File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

fn moment(seconds: i64) -> Moment {
    CST.timestamp_opt(seconds, 0)
        .single()
        .unwrap_or_else(|| DateTime::UNIX_EPOCH.with_timezone(&CST))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// A column that holds JSON, or one that serde writes as a plain string.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// An enum's name as serde writes it, without quotes.
fn name<T: serde::Serialize>(value: T) -> Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(name) => Ok(name),
        other => bail!("{other} is no name"),
    }
}

fn from_name<T: serde::de::DeserializeOwned>(name: String) -> rusqlite::Result<T> {
    from_json(&serde_json::Value::String(name).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_has_large_pages_and_one_that_is_there_keeps_its_own() {
        for (before, after) in [(None, PAGE), (Some(4096), 4096)] {
            let dir = tempfile::tempdir().unwrap();
            if let Some(page) = before {
                let other = Connection::open(dir.path().join(DATABASE)).unwrap();
                other.pragma_update(None, "page_size", page).unwrap();
                other.execute_batch("CREATE TABLE other (a)").unwrap();
            }
            let store = Store::open(dir.path()).unwrap();
            let asked = |pragma| store.connection.query_row(pragma, [], |row| row.get(0));
            let pages: [i32; 2] = ["PRAGMA page_size", "PRAGMA wal_autocheckpoint"]
                .map(|pragma| asked(pragma).unwrap());
            assert_eq!(pages, [after, LOG / after]);
        }
    }
}
