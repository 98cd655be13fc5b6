//! The schema's history. A database is brought up to date when it is opened.

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, TransactionBehavior};

/// One script a version; a landed one is never changed.
const SCRIPTS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
];

/// The schema that this program writes.
pub const NEWEST: usize = SCRIPTS.len();

/// Whether [`migrate`] would change anything.
pub fn is_due(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version_of(connection)? < SCRIPTS.len())
}

fn version_of(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Refuses a database that this program would first have to bring up to date, or does not know yet.
pub fn refuse_other(connection: &Connection) -> Result<()> {
    let version: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    ensure!(
        version == SCRIPTS.len(),
        "the database is of version {version}, this program writes {}; the daemon brings it up to date when it starts",
        SCRIPTS.len()
    );
    Ok(())
}

/// Applies the scripts that `connection` lacks, in one transaction.
///
/// # Errors
/// When the database was written by a later version of this program.
pub fn migrate(connection: &mut Connection) -> Result<()> {
    let version = version_of(connection)?;
    ensure!(
        version <= SCRIPTS.len(),
        "the database is of version {version}, this program knows {}; install the newer program",
        SCRIPTS.len()
    );
    if !is_due(connection)? {
        return Ok(());
    }
    // A table that is laid anew is dropped, which is no deletion of its rows (sqlite.org/lang_altertable.html, 7).
    connection.pragma_update(None, "foreign_keys", false)?;
    let brought = bring_up(connection);
    connection.pragma_update(None, "foreign_keys", true)?;
    brought
}

fn bring_up(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process that opens the same database may have been sooner.
    let version = version_of(&transaction)?;
    for (done, script) in SCRIPTS.iter().enumerate().skip(version) {
        transaction
            .execute_batch(script)
            .with_context(|| format!("migration {}", done + 1))?;
    }
    transaction.pragma_update(None, "user_version", SCRIPTS.len().max(version))?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contents;
    use std::sync::Barrier;
    use std::time::Duration;

    #[test]
    fn a_database_of_a_later_version_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        assert!(
            migrate(&mut connection)
                .unwrap_err()
                .to_string()
                .contains("999")
        );
    }

    #[test]
    fn two_that_open_a_new_database_at_once_both_can() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let (path, start) = (dir.path().join(round.to_string()), Barrier::new(2));
            let open = || {
                let mut connection = Connection::open(&path).unwrap();
                connection.busy_timeout(Duration::from_secs(60)).unwrap();
                start.wait();
                migrate(&mut connection)
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(open);
                open().unwrap();
                other.join().unwrap().unwrap();
            });
        }
    }

    #[test]
    fn a_text_that_stood_in_the_json_stands_beside_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        for script in &SCRIPTS[..9] {
            connection.execute_batch(script).unwrap();
        }
        connection.pragma_update(None, "user_version", 9).unwrap();
        let before = r#"{"message_id":null,"subject":"日报","from":null,"date":null,"received":null,"answers":[],"automatic":[],
            "text":"第一行\n“第二行”","inner":[],"files":[],"links":[],"damage":[]}"#;
        connection
            .execute_batch("INSERT INTO mails (id, sha256, bytes, source, received_at, sender, subject) VALUES (1, 'ab', 1, '', 1, '', '')")
            .and_then(|()| connection.execute("INSERT INTO contents VALUES (1, ?1)", [before]))
            .unwrap();
        migrate(&mut connection).unwrap();
        let content = contents::read(&connection, 1).unwrap().unwrap();
        assert_eq!(
            (content.subject.as_str(), content.text.as_str()),
            ("日报", "第一行\n“第二行”")
        );
    }

    /// One file of sample rows a version: what that version wrote must open under today's.
    #[test]
    fn rows_of_every_version_survive_the_way_to_today() {
        let samples = [
            include_str!("../../tests/rows/v1.sql"),
            include_str!("../../tests/rows/v2.sql"),
            include_str!("../../tests/rows/v3.sql"),
            include_str!("../../tests/rows/v4.sql"),
            include_str!("../../tests/rows/v5.sql"),
            include_str!("../../tests/rows/v6.sql"),
            include_str!("../../tests/rows/v7.sql"),
            include_str!("../../tests/rows/v8.sql"),
            include_str!("../../tests/rows/v9.sql"),
            include_str!("../../tests/rows/v10.sql"),
        ];
        assert_eq!(
            samples.len(),
            SCRIPTS.len(),
            "add tests/rows/vN.sql for the new version"
        );
        for (n, sample) in samples.iter().enumerate() {
            let mut connection = Connection::open_in_memory().unwrap();
            for script in &SCRIPTS[..=n] {
                connection.execute_batch(script).unwrap();
            }
            connection
                .pragma_update(None, "user_version", n + 1)
                .unwrap();
            connection.execute_batch(sample).unwrap();
            migrate(&mut connection).unwrap();
            let dangling = connection
                .prepare("PRAGMA foreign_key_check")
                .and_then(|mut check| check.exists([]));
            assert!(!dangling.unwrap(), "after v{}", n + 1);
            let count = |table: &str| -> i64 {
                connection
                    .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                        row.get(0)
                    })
                    .unwrap()
            };
            for table in [
                "mails",
                "submissions",
                "files",
                "corrections",
                "letters",
                "cursors",
            ] {
                assert_eq!(count(table), 1, "{table} after v{}", n + 1);
            }
        }
    }
}
