//! 4. What is kept: facts in SQLite, raw mail and files on disk named by their hash.

mod alarms;
mod blobs;
mod bounces;
mod corrections;
mod cursors;
mod decisions;
mod entries;
mod fact;
mod intake;
mod letters;
mod listing;
mod migrations;
mod replies;
mod resemblance;
mod stars;
mod upkeep;
mod verdicts;

pub use alarms::Alarm;
pub use blobs::{Blobs, Staged, hash, hash_file};
pub use bounces::Returned;
pub use corrections::{CorrectionRow, Lesson, LessonKind, NewCorrection, NewLesson};
pub use cursors::{Cursor, Ledger, Place, Trouble};
pub use decisions::Decision;
pub use entries::Entry;
pub use fact::{Fact, Unjudged};
pub use intake::Kept;
pub use letters::{LetterRow, LetterState, NewLetter};
pub use listing::{FileRow, MailRow, SubmissionRow};
pub use replies::{Answered, Reply};
pub use upkeep::Named;

use crate::campaign::{CST, Moment};
use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeZone};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// The database of one data directory.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens or creates `baosong.db` in `data_dir`, brought up to date.
    pub fn open(data_dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(data_dir).with_context(|| {
            format!(
                "cannot create {}; name another with --data",
                data_dir.display()
            )
        })?;
        Self::open_file(&data_dir.join("baosong.db"))
    }

    /// Opens or creates one database file, brought up to date.
    pub fn open_file(path: &Path) -> Result<Self> {
        let mut connection =
            Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        // Plans do not depend on bound values; without this SQLite prepares a statement anew for each.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(128);
        migrations::migrate(&mut connection)
            .with_context(|| format!("database {}", path.display()))?;
        Ok(Self { connection })
    }
}

/// Held while a process writes to a data directory.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

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
