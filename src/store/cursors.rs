//! What is known of the server: where each mail lies, how far each folder was read, what went wrong.

use super::{Store, moment};
use crate::campaign::Moment;
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeSet, HashSet};

/// How often a mail that cannot be fetched is asked for at every poll; after that, once a day.
const ATTEMPTS: u32 = 5;

/// Where a mail lies on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Folder name as the server writes it; with its mailbox, where there are several.
    pub folder: String,
    /// Of the folder (RFC 3501 section 2.3.1.1); constantly 1 on 163.com's INBOX.
    pub uidvalidity: u32,
    /// Of the mail.
    pub uid: u32,
}

/// How far a folder was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Under which the UIDs hold.
    pub uidvalidity: u32,
    /// Every mail up to this one has a row.
    pub last_uid: u32,
    /// Mails that the server held at the last poll.
    pub server_count: u32,
    /// When all UIDs were last compared.
    pub compared_at: Moment,
    /// Places of the folder, as far as that is known without counting; `None` once a row came or went since.
    pub settled_count: Option<u32>,
}

/// One folder's account: what the server holds, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ledger {
    pub folder: String,
    pub server: u32,
    pub reports: u32,
    pub not_report: u32,
    pub review: u32,
    pub unreadable: u32,
    /// Kept, and judged with the next pass; unexplained until then.
    pub unjudged: u32,
}

impl Ledger {
    /// Mails on the server that no row explains; 0 unless something is wrong.
    pub fn unexplained(&self) -> i64 {
        let explained = self.reports + self.not_report + self.review + self.unreadable;
        i64::from(self.server) - i64::from(explained)
    }
}

/// Something that went wrong and has not been put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Folder, or empty for the connection as a whole; with its mailbox, where there are several. `smtp`: the way out.
    pub folder: String,
    /// In words for staff.
    pub what: String,
    /// When it was first seen.
    pub since: Moment,
}

impl Place {
    /// Notes that the mail lies there.
    pub(super) fn holds(&self, connection: &Connection, mail: i64, received: Moment) -> Result<()> {
        let values = params![
            self.folder,
            self.uidvalidity,
            self.uid,
            mail,
            received.timestamp()
        ];
        // Both in one statement would cost every new place what undoing the second takes.
        let is_new = connection
            .prepare_cached(
                "INSERT INTO locations (folder, uidvalidity, uid, mail, received_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(values)?;
        if is_new == 0 {
            connection
                .prepare_cached(
                    "UPDATE locations SET mail = ?4, received_at = ?5, error = '', gone = 0
                     WHERE folder = ?1 AND uidvalidity = ?2 AND uid = ?3",
                )?
                .execute(values)?;
        }
        Ok(())
    }

    /// A row exists, fetched or not: the cursor may go past it.
    pub(super) fn pass(&self, connection: &Connection) -> Result<()> {
        connection
            .prepare_cached(
                "UPDATE cursors SET last_uid = max(last_uid, ?3), settled_count = NULL WHERE folder = ?1 AND uidvalidity = ?2",
            )?
            .execute(params![self.folder, self.uidvalidity, self.uid])?;
        Ok(())
    }
}

impl Store {
    /// The cursor of a folder, where it was ever opened.
    pub fn cursor(&self, folder: &str) -> Result<Option<Cursor>> {
        let cursor = self
            .connection
            .prepare_cached(
                "SELECT uidvalidity, last_uid, server_count, compared_at, settled_count FROM cursors WHERE folder = ?1",
            )?
            .query_row([folder], |row| {
                Ok(Cursor {
                    uidvalidity: row.get(0)?,
                    last_uid: row.get(1)?,
                    server_count: row.get(2)?,
                    compared_at: moment(row.get(3)?),
                    settled_count: row.get(4)?,
                })
            })
            .optional()?;
        Ok(cursor)
    }

    /// Notes that a folder was opened. A changed UIDVALIDITY puts the cursor back to the start.
    pub fn opened(&mut self, folder: &str, uidvalidity: u32, server_count: u32) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO cursors (folder, uidvalidity, last_uid, server_count, compared_at, polled_at)
             VALUES (?1, ?2, 0, ?3, 0, 0)
             ON CONFLICT DO UPDATE SET server_count = ?3,
                 last_uid = iif(uidvalidity = ?2, last_uid, 0),
                 compared_at = iif(uidvalidity = ?2, compared_at, 0),
                 settled_count = iif(uidvalidity = ?2, settled_count, NULL),
                 uidvalidity = ?2
             WHERE server_count <> ?3 OR uidvalidity <> ?2",
        )?;
        statement.execute(params![folder, uidvalidity, server_count])?;
        Ok(())
    }

    /// Notes that a poll came to its end: everything that the server showed is kept or has a row.
    pub fn polled(&mut self, now: Moment) -> Result<()> {
        let rows = self
            .connection
            .prepare_cached("UPDATE cursors SET polled_at = ?1")?
            .execute([now.timestamp()])?;
        self.bookkeeping += rows as u64;
        Ok(())
    }

    /// Notes where a kept mail lies.
    pub fn arrived(&mut self, place: &Place, mail: i64, received: Moment) -> Result<()> {
        place.holds(&self.connection, mail, received)?;
        place.pass(&self.connection)
    }

    /// Those of `listed` whose mail is not kept. A full comparison thus asks again for those given up on.
    pub fn wanted(&self, folder: &str, uidvalidity: u32, listed: &[u32]) -> Result<Vec<u32>> {
        let Some(least) = listed.iter().min() else {
            return Ok(Vec::new());
        };
        let settled: HashSet<u32> = self
            .connection
            .prepare_cached(
                "SELECT uid FROM locations WHERE folder = ?1 AND uidvalidity = ?2 AND uid >= ?3 AND mail IS NOT NULL",
            )?
            .query_map(params![folder, uidvalidity, least], |row| {
                row.get(0)
            })?
            .collect::<Result<_, _>>()?;
        Ok(listed
            .iter()
            .copied()
            .filter(|uid| !settled.contains(uid))
            .collect())
    }

    /// UIDs whose mail could not be fetched yet, and that have attempts left.
    pub fn unfetched(&self, folder: &str, uidvalidity: u32) -> Result<Vec<u32>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT uid FROM locations INDEXED BY locations_unfetched
             WHERE folder = ?1 AND uidvalidity = ?2 AND mail IS NULL AND attempts < ?3 AND NOT gone",
        )?;
        let uids = statement.query_map(params![folder, uidvalidity, ATTEMPTS], |row| row.get(0))?;
        Ok(uids.collect::<Result<_, _>>()?)
    }

    /// Notes that a mail could not be fetched: it stands in the ledger as unreadable, and is asked for again.
    pub fn failed(&mut self, place: &Place, error: &str, now: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        transaction.execute(
            "INSERT INTO locations (folder, uidvalidity, uid, received_at, attempts, error)
             VALUES (?1, ?2, ?3, ?4, 1, ?5)
             ON CONFLICT DO UPDATE SET attempts = attempts + 1, error = ?5",
            params![
                place.folder,
                place.uidvalidity,
                place.uid,
                now.timestamp(),
                error
            ],
        )?;
        place.pass(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// Where mails lay on the server when last seen.
    pub fn places_of(&self, mails: &BTreeSet<i64>) -> Result<Vec<Place>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT folder, uidvalidity, uid FROM locations WHERE mail = ?1 AND NOT gone",
        )?;
        let mut places = Vec::new();
        for mail in mails {
            let rows = statement.query_map([mail], |row| {
                Ok(Place {
                    folder: row.get(0)?,
                    uidvalidity: row.get(1)?,
                    uid: row.get(2)?,
                })
            })?;
            places.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(places)
    }

    /// Mails of a folder that were on the server when last seen.
    pub fn present(&self, folder: &str, uidvalidity: u32) -> Result<u32> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*) FROM locations WHERE folder = ?1 AND uidvalidity = ?2 AND NOT gone",
        )?;
        Ok(statement.query_row(params![folder, uidvalidity], |row| row.get(0))?)
    }

    /// Notes how many places a folder has, until a row comes or goes.
    pub fn settled(&mut self, folder: &str, count: u32) -> Result<()> {
        self.connection.execute(
            "UPDATE cursors SET settled_count = ?2 WHERE folder = ?1",
            params![folder, count],
        )?;
        Ok(())
    }

    /// Notes a full comparison: rows that `listed` lacks are gone from the server, their mails stay kept.
    pub fn compared(
        &mut self,
        folder: &str,
        uidvalidity: u32,
        listed: &[u32],
        now: Moment,
    ) -> Result<()> {
        let listed: HashSet<u32> = listed.iter().copied().collect();
        let transaction = self.transaction()?;
        transaction.execute(
            "UPDATE locations SET gone = 1 WHERE folder = ?1 AND uidvalidity <> ?2",
            params![folder, uidvalidity],
        )?;
        let rows: Vec<(u32, bool)> = transaction
            .prepare_cached(
                "SELECT uid, gone FROM locations WHERE folder = ?1 AND uidvalidity = ?2",
            )?
            .query_map(params![folder, uidvalidity], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        for (uid, gone) in rows {
            if gone == listed.contains(&uid) {
                transaction
                    .prepare_cached(
                        "UPDATE locations SET gone = ?4 WHERE folder = ?1 AND uidvalidity = ?2 AND uid = ?3",
                    )?
                    .execute(params![folder, uidvalidity, uid, !gone])?;
            }
        }
        transaction.execute(
            "UPDATE cursors SET compared_at = ?2, settled_count = NULL WHERE folder = ?1",
            params![folder, now.timestamp()],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The account of every folder that was ever opened.
    pub fn ledger(&self) -> Result<Vec<Ledger>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT c.folder, c.server_count,
                    count(*) FILTER (WHERE m.outcome = 'reports'),
                    count(*) FILTER (WHERE m.outcome = 'not_report'),
                    count(*) FILTER (WHERE m.outcome = 'review'),
                    count(*) FILTER (WHERE l.uid IS NOT NULL AND (l.mail IS NULL OR m.outcome = 'unreadable')),
                    count(*) FILTER (WHERE m.id IS NOT NULL AND m.outcome IS NULL)
             FROM cursors c
             LEFT JOIN locations l ON l.folder = c.folder AND l.uidvalidity = c.uidvalidity AND NOT l.gone
             LEFT JOIN mails m ON m.id = l.mail
             GROUP BY c.folder ORDER BY c.folder NOT LIKE '%INBOX', c.folder",
        )?;
        let lines = statement.query_map([], |row| {
            Ok(Ledger {
                folder: row.get(0)?,
                server: row.get(1)?,
                reports: row.get(2)?,
                not_report: row.get(3)?,
                review: row.get(4)?,
                unreadable: row.get(5)?,
                unjudged: row.get(6)?,
            })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// Notes what is wrong with a folder (empty: the connection), or with `None` that nothing is. Gives whether that
    /// is news.
    pub fn trouble(&mut self, folder: &str, what: Option<&str>, now: Moment) -> Result<bool> {
        let changed = match what {
            Some(what) => self.connection.execute(
                "INSERT INTO troubles VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET what = ?2 WHERE what <> ?2",
                params![folder, what, now.timestamp()],
            )?,
            None => self
                .connection
                .prepare_cached("DELETE FROM troubles WHERE folder = ?1")?
                .execute([folder])?,
        };
        Ok(changed > 0)
    }

    /// Forgets the troubles of all folders but those of which `keep` says so.
    pub fn forget_troubles_but(&mut self, keep: impl Fn(&str) -> bool) -> Result<()> {
        for trouble in self.troubles()?.iter().filter(|one| !keep(&one.folder)) {
            self.connection
                .execute("DELETE FROM troubles WHERE folder = ?1", [&trouble.folder])?;
        }
        Ok(())
    }

    /// What is wrong now, oldest first.
    pub fn troubles(&self) -> Result<Vec<Trouble>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT folder, what, since FROM troubles ORDER BY since")?;
        let rows = statement.query_map([], |row| {
            Ok(Trouble {
                folder: row.get(0)?,
                what: row.get(1)?,
                since: moment(row.get(2)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the mailbox was last polled to the end.
    pub fn polled_at(&self) -> Result<Option<Moment>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT max(polled_at) FROM cursors")?;
        let seconds: Option<i64> = statement.query_row([], |row| row.get(0))?;
        Ok(seconds.filter(|seconds| *seconds > 0).map(moment))
    }
}
