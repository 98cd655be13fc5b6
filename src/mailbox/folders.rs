//! Which folders reports may land in.

use super::Error;
use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// Folders of 163.com that reports were seen to land in, beside INBOX.
const SPAM: [&str; 5] = ["垃圾邮件", "广告邮件", "订阅邮件", "病毒文件夹", "病毒邮件"];

/// A folder as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// As the server writes it: modified UTF-7 (RFC 3501 section 5.1.3).
    pub name: String,
    /// Marked \Junk (RFC 6154).
    pub junk: bool,
    /// Holds what was sent: marked \Sent (RFC 6154), or called 已发送.
    pub sent: bool,
    /// Not marked \Noselect.
    pub selectable: bool,
}

/// The names to watch: those of the settings, or INBOX and the spam folders that `listed` has.
/// A folder that the settings name and the server lacks is an error of its own.
pub fn watched(settings: Option<&[String]>, listed: &[Folder]) -> Vec<Result<String, Error>> {
    match settings {
        Some(names) => names.iter().map(|name| named(name, listed)).collect(),
        None => {
            let inbox = std::iter::once("INBOX".to_owned());
            let spam = listed
                .iter()
                .filter(|folder| holds_spam(folder))
                .map(|folder| folder.name.clone());
            inbox.chain(spam).map(Ok).collect()
        }
    }
}

fn named(name: &str, listed: &[Folder]) -> Result<String, Error> {
    let raw = encode(name);
    let same = |folder: &&Folder| folder.name == raw || folder.name == name;
    match listed.iter().find(same) {
        Some(folder) => Ok(folder.name.clone()),
        None if name.eq_ignore_ascii_case("INBOX") => Ok("INBOX".into()),
        None => Err(Error::Refused {
            command: format!("EXAMINE {name}"),
            answer: "no such folder; see mailbox.folders in the settings".into(),
        }),
    }
}

/// Whether a folder is 163.com's 已发送, marked so or not.
pub fn is_called_sent(name: &str) -> bool {
    name == encode("已发送")
}

/// A folder for a person: of those that are watched unasked the Chinese name, else as the server writes it.
pub fn called(name: &str) -> &str {
    let own = SPAM.iter().find(|own| encode(own) == name);
    own.copied().unwrap_or(name)
}

fn holds_spam(folder: &Folder) -> bool {
    folder.selectable && (folder.junk || is_spam(&folder.name))
}

/// Whether a folder is called as 163.com calls one of those that few reports land in: in Chinese, or as it writes it.
pub fn is_spam(name: &str) -> bool {
    SPAM.iter().any(|own| *own == name || encode(own) == name)
}

/// A folder's name as people read it; one that is no modified UTF-7 as it stands.
pub fn decode(name: &str) -> String {
    let mut decoded = String::new();
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        let Some((word, after)) = shifted
            .split_once('-')
            .and_then(|(word, after)| Some((unshifted(word)?, after)))
        else {
            return name.to_owned();
        };
        decoded += plain;
        decoded += &word;
        rest = after;
    }
    decoded + rest
}

/// UTF-16 in base 64 (RFC 3501 section 5.1.3); nothing between `&` and `-` is the `&` itself.
fn unshifted(word: &str) -> Option<String> {
    const BASE64: GeneralPurpose =
        GeneralPurpose::new(&IMAP_MUTF7, NO_PAD.with_decode_allow_trailing_bits(true));
    if word.is_empty() {
        return Some("&".into());
    }
    let bytes = BASE64.decode(word).ok()?;
    let units = bytes
        .chunks(2)
        .map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
    String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
}

fn encode(name: &str) -> String {
    utf7_imap::encode_utf7_imap(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, junk: bool, selectable: bool) -> Folder {
        Folder {
            name: name.into(),
            junk,
            sent: false,
            selectable,
        }
    }

    fn names(found: Vec<Result<String, Error>>) -> Vec<String> {
        found
            .into_iter()
            .map(|name| name.unwrap_or_else(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn spam_folders_are_found_by_their_mark_or_their_chinese_name() {
        let listed = [
            folder("INBOX", false, true),
            folder("&XfJT0ZAB-", false, true),
            folder("&V4NXPpCuTvY-", true, true),
            folder("&Xn9USpCuTvY-", false, true),
            folder("&dcVr0mWHTvZZOQ-", false, false),
        ];
        assert_eq!(
            names(watched(None, &listed)),
            ["INBOX", "&V4NXPpCuTvY-", "&Xn9USpCuTvY-"]
        );
    }

    #[test]
    fn a_folder_is_shown_as_people_read_it_and_a_broken_name_as_it_stands() {
        for name in ["INBOX", "已发送", "病毒文件夹", "R&D 资料", "a&"] {
            assert_eq!(decode(&encode(name)), name);
        }
        assert_eq!(decode("&XfJT0ZAB-/2022"), "已发送/2022");
        for broken in ["&", "&XfJT0ZAB", "&!-", "&AA-", "&2AA-"] {
            assert_eq!(decode(broken), broken);
        }
    }

    #[test]
    fn a_folder_of_the_settings_may_be_written_in_chinese() {
        let listed = [folder("&i6KWBZCuTvY-", false, true)];
        let settings = ["订阅邮件".to_owned(), "没有".to_owned()];
        let found = names(watched(Some(&settings), &listed));
        assert_eq!(found[0], "&i6KWBZCuTvY-");
        assert!(found[1].contains("没有"), "{}", found[1]);
    }
}
