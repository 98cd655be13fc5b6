//! What was read from mails, as JSON and the text beside it, apart from their rows.

use super::{from_json, json};
use crate::message::Content;
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Keeps what was read from a new mail.
pub fn insert(connection: &Connection, mail: i64, content: &Content) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO contents (mail, content, text) VALUES (?1, ?2, ?3)")?
        .execute(params![mail, json(content)?, content.text])?;
    Ok(())
}

/// Puts a mail's content in place of what was read from it before.
pub fn replace(connection: &Connection, mail: i64, content: &Content) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contents (mail, content, text) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET content = excluded.content, text = excluded.text",
        )?
        .execute(params![mail, json(content)?, content.text])?;
    Ok(())
}

/// `None` where there is no such mail.
pub fn read(connection: &Connection, mail: i64) -> Result<Option<Content>> {
    let content = connection
        .prepare_cached("SELECT content, text FROM contents WHERE mail = ?1")?
        .query_row([mail], from_row)
        .optional()?;
    Ok(content)
}

/// Of the columns `content` and `text`.
pub fn from_row(row: &Row) -> rusqlite::Result<Content> {
    let content = from_json(row.get_ref("content")?.as_str()?)?;
    let text = row.get("text")?;
    Ok(Content { text, ..content })
}
