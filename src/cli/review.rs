//! `baosong review`.

use super::Common;
use crate::attribution::{Outcome, chinese};
use crate::store::MailRow;
use anyhow::Result;
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub struct Review {
    /// As JSON, one object a line
    #[arg(long)]
    jsonl: bool,
}

impl Review {
    pub fn run(self, common: &Common) -> Result<()> {
        let daemon = common.look()?;
        for mail in daemon.store.mails(None)? {
            let open = matches!(
                mail.outcome,
                Some(Outcome::Review | Outcome::Unreadable) | None
            );
            if open && self.jsonl {
                println!("{}", line(&mail));
            } else if open {
                print!("{}", paragraph(&mail));
            }
        }
        Ok(())
    }
}

fn line(mail: &MailRow) -> serde_json::Value {
    json!({
        "id": mail.id,
        "message_id": mail.message_id,
        "received_at": mail.received_at.to_rfc3339(),
        "from": mail.from,
        "subject": mail.subject,
        "outcome": mail.outcome,
        "reason": mail.reason,
        "candidates": mail.weighed,
    })
}

/// The mail, why it is open, and each unit in question with its heaviest evidence.
fn paragraph(mail: &MailRow) -> String {
    let number = mail.id.map_or(mail.source.clone(), |id| id.to_string());
    let mut out = format!(
        "{number}  {}  {}  {}\n    {}\n",
        mail.received_at.format("%m-%d %H:%M"),
        mail.from,
        mail.subject,
        mail.reason
    );
    for weighed in &mail.weighed {
        let seen: Vec<String> = weighed
            .evidence
            .iter()
            .take(3)
            .map(|e| format!("{}{}“{}”", chinese(&e.place), chinese(&e.rule), e.seen))
            .collect();
        out.push_str(&format!(
            "    {:>4}  {}  {}\n",
            weighed.weight,
            weighed.unit,
            seen.join("，")
        ));
    }
    out
}
