//! What was read from mails, as JSON, apart from their rows.

use super::{from_json, json};
use crate::message::Content;
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::borrow::Cow;

/// Keeps what was read from a new mail, whose JSON may be known already.
pub fn insert(
    connection: &Connection,
    mail: i64,
    known: Option<&str>,
    content: &Content,
) -> Result<()> {
    let text = match known {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(json(content)?),
    };
    connection
        .prepare_cached("INSERT INTO contents VALUES (?1, ?2)")?
        .execute(params![mail, text])?;
    Ok(())
}

/// Puts a mail's content in place of what was read from it before.
pub fn replace(connection: &Connection, mail: i64, content: &Content) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contents VALUES (?1, ?2) ON CONFLICT DO UPDATE SET content = ?2",
        )?
        .execute(params![mail, json(content)?])?;
    Ok(())
}

/// `None` where there is no such mail.
pub fn read(connection: &Connection, mail: i64) -> Result<Option<Content>> {
    let content = connection
        .prepare_cached("SELECT content FROM contents WHERE mail = ?1")?
        .query_row([mail], |row| from_json(row.get_ref(0)?.as_str()?))
        .optional()?;
    Ok(content)
}
