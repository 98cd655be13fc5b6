//! FETCH of the stand-in.

use super::imap::Next;
use super::{ImapFault, Mail, State};

/// The UIDs that a set names. `n:*` names the last even when it is below n (RFC 3501 section 6.4.8).
pub fn among(uids: &[u32], set: &str) -> Option<Vec<u32>> {
    let last = uids.iter().max().copied().unwrap_or(0);
    let number = |text: &str| {
        if text == "*" {
            Some(last)
        } else {
            text.parse().ok()
        }
    };
    let mut found = Vec::new();
    for range in set.split(',') {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let (from, to) = (number(from)?, number(to)?);
        let (from, to) = (from.min(to), from.max(to));
        found.extend(uids.iter().copied().filter(|uid| (from..=to).contains(uid)));
    }
    Some(found)
}

/// `BODY.PEEK[]<o.n>`: from, length.
fn part(items: &str) -> Option<(usize, usize)> {
    let range = items.split_once("[]<")?.1.split_once('>')?.0;
    let (from, length) = range.split_once('.')?;
    Some((from.parse().ok()?, length.parse().ok()?))
}

pub fn fetch(state: &mut State, folder: &str, tag: &str, arguments: &str) -> Next {
    let (set, items) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let items = items.to_uppercase();
    let done = |text: &str| Next::Answer(format!("{tag} {text}\r\n").into_bytes());
    if let Some(uid) = state.fault(|f| match f {
        ImapFault::Vanish(uid) => Some(*uid),
        _ => None,
    }) {
        let folder = state.folders.get_mut(folder).expect("an open folder");
        folder.mails.retain(|mail| mail.uid != uid);
    }
    let uids: Vec<u32> = state.folders[folder]
        .mails
        .iter()
        .map(|mail| mail.uid)
        .collect();
    let Some(wanted) = among(&uids, set) else {
        return done("BAD Parse command error");
    };
    let bodies = items.contains("BODY");
    if items.contains("BODY[]") {
        state.changes += 1;
    }
    let names = |uid: &u32| bodies && wanted.contains(uid);
    if state
        .fault(|f| matches!(f, ImapFault::RefuseFetch(uid) if names(uid)).then_some(()))
        .is_some()
    {
        return done("NO FETCH this mail is locked");
    }
    if state
        .fault(|f| matches!(f, ImapFault::BadFetch(uid) if names(uid)).then_some(()))
        .is_some()
    {
        return done("BAD Parse command error");
    }
    if state
        .fault(|f| matches!(f, ImapFault::CloseAtFetchOf(uid) if names(uid)).then_some(()))
        .is_some()
    {
        return Next::Close;
    }
    let mut range = part(&items);
    if range.is_some() && state.imap_faults.contains(&ImapFault::RefuseParts) {
        return done("BAD Parse command error");
    }
    if state.imap_faults.contains(&ImapFault::IgnoreParts) {
        range = None;
    }
    let mut answer = Vec::new();
    if bodies && state.imap_faults.contains(&ImapFault::Garbage) {
        answer.extend(b"?? \xcf\xb5\xcd\xb3 what is this\r\n");
    }
    let off = |fault: &ImapFault| isize::from(bodies && state.imap_faults.contains(fault));
    let longer = off(&ImapFault::LongLiterals) - off(&ImapFault::ShortLiterals);
    let mails = &state.folders[folder].mails;
    for (number, mail) in (1..)
        .zip(mails)
        .filter(|(_, mail)| wanted.contains(&mail.uid))
    {
        if state.imap_faults.contains(&ImapFault::Chatter) {
            answer.extend(
                format!(
                    "* {} EXISTS\r\n* 7 EXPUNGE\r\n* 1 FETCH (FLAGS (\\Seen) UID {})\r\n",
                    uids.len() + 1,
                    uids[0]
                )
                .bytes(),
            );
        }
        let nil = state.imap_faults.contains(&ImapFault::NilDate(mail.uid));
        one(&mut answer, number, mail, &items, range, longer, nil);
    }
    let stop = state.fault(|f| match f {
        ImapFault::CutFetchAfter(n) | ImapFault::SilentAfter(n) => Some((f.clone(), *n)),
        _ => None,
    });
    if let Some((fault, after)) = stop.filter(|_| bodies) {
        state.take(&fault);
        answer.truncate(after);
        return match fault {
            ImapFault::SilentAfter(_) => Next::Hush(answer),
            _ => Next::Last(answer),
        };
    }
    answer.extend(format!("{tag} OK FETCH Completed\r\n").bytes());
    Next::Answer(answer)
}

fn one(
    answer: &mut Vec<u8>,
    number: usize,
    mail: &Mail,
    items: &str,
    range: Option<(usize, usize)>,
    longer: isize,
    nil: bool,
) {
    let mut facts = vec![format!("UID {}", mail.uid)];
    if items.contains("INTERNALDATE") && nil {
        facts.push("INTERNALDATE NIL".into());
    } else if items.contains("INTERNALDATE") {
        facts.push(format!(
            "INTERNALDATE \"{}\"",
            mail.date.format("%e-%b-%Y %H:%M:%S %z")
        ));
    }
    if items.contains("RFC822.SIZE") {
        facts.push(format!("RFC822.SIZE {}", mail.raw.len()));
    }
    if items.contains("FLAGS") {
        facts.push(format!("FLAGS ({})", mail.flags.join(" ")));
    }
    answer.extend(format!("* {number} FETCH ({}", facts.join(" ")).bytes());
    if items.contains("BODY") {
        let (from, length) = range.unwrap_or((0, usize::MAX));
        let bytes =
            &mail.raw[from.min(mail.raw.len())..from.saturating_add(length).min(mail.raw.len())];
        let origin = range.map_or(String::new(), |(from, _)| format!("<{from}>"));
        answer.extend(format!(" BODY[]{origin} {{{}}}\r\n", bytes.len()).bytes());
        let sent = bytes.len().saturating_add_signed(longer);
        answer.extend(
            bytes
                .iter()
                .copied()
                .chain(std::iter::once(b'+'))
                .take(sent),
        );
    }
    answer.extend(b")\r\n");
}
