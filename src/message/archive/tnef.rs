//! Outlook's winmail.dat ([MS-OXTNEF]): attachments under their long names, and the text where the mail has none.

use encoding_rs::UTF_16LE;

use super::{Budget, Member, Take, damaged, lzfu};
use crate::message::charset;

const SIGNATURE: u32 = 0x223E_9F78;
const BODY: u32 = 0x0002_800C;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const ATTACHMENT_BEGINS: u32 = 0x0006_9002;
const ATTACHMENT_TITLE: u32 = 0x0001_8010;
const ATTACHMENT_DATA: u32 = 0x0006_800F;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;

const PLAIN_BODY: u16 = 0x1000;
const RTF_BODY: u16 = 0x1009;
const HTML_BODY: u16 = 0x1013;
const LONG_NAME: u16 = 0x3707;

pub fn unpack(
    bytes: &[u8],
    body: bool,
    budget: &mut Budget,
    take: &mut Take,
) -> Result<(), String> {
    let mut from = Cursor(bytes);
    if from.long() != Some(SIGNATURE) || from.bytes(2).is_none() {
        return Err(damaged());
    }
    let mut text: [Option<Member>; 3] = Default::default();
    let mut members: Vec<Member> = Vec::new();
    let mut whole = true;
    while !from.0.is_empty() {
        let Some((id, data)) = attribute(&mut from) else {
            // What came before the damage is kept.
            whole = false;
            break;
        };
        match id {
            BODY => text[2] = Some(file("正文.txt", trimmed(data).to_vec())),
            MESSAGE_PROPERTIES => texts(data, &mut text),
            ATTACHMENT_BEGINS => members.push(file("", Vec::new())),
            _ => {
                if let Some(member) = members.last_mut() {
                    attachment(id, data, member);
                }
            }
        }
    }
    let best = text
        .into_iter()
        .flatten()
        .find(|member| !member.bytes.is_empty());
    for (number, mut member) in best.filter(|_| body).into_iter().chain(members).enumerate() {
        budget.enter()?;
        if member.path.is_empty() {
            member.path = format!("未命名{}", number + 1);
        }
        budget.spend(member.bytes.len());
        take(budget, member);
    }
    if whole { Ok(()) } else { Err(damaged()) }
}

fn file(path: &str, bytes: Vec<u8>) -> Member {
    Member {
        path: path.to_string(),
        bytes,
    }
}

/// Level, id, length, data, checksum.
fn attribute<'a>(from: &mut Cursor<'a>) -> Option<(u32, &'a [u8])> {
    from.bytes(1)?;
    let id = from.long()?;
    let length = from.long()? as usize;
    let data = from.bytes(length)?;
    from.bytes(2)?;
    Some((id, data))
}

fn attachment(id: u32, data: &[u8], member: &mut Member) {
    match id {
        // 8.3, in GBK on Chinese Windows; a long name is better.
        ATTACHMENT_TITLE if member.path.is_empty() => {
            member.path = charset::decode(trimmed(data), Some("gbk"));
        }
        ATTACHMENT_DATA => member.bytes = data.to_vec(),
        ATTACHMENT_PROPERTIES => {
            let name = properties(data)
                .into_iter()
                .find(|(id, ..)| *id == LONG_NAME);
            if let Some((_, kind, value)) = name {
                member.path = string(kind, value);
            }
        }
        _ => {}
    }
}

/// The text in its dresses, the best first.
fn texts(data: &[u8], text: &mut [Option<Member>; 3]) {
    for (id, kind, value) in properties(data) {
        match id {
            HTML_BODY => text[0] = Some(file("正文.html", value.to_vec())),
            RTF_BODY => text[1] = lzfu::unpack(value).map(|rtf| file("正文.rtf", rtf)),
            PLAIN_BODY => text[2] = Some(file("正文.txt", string(kind, value).into_bytes())),
            _ => {}
        }
    }
}

const STRING8: u16 = 0x1E;
const UNICODE: u16 = 0x1F;

fn string(kind: u16, value: &[u8]) -> String {
    let text = match kind {
        UNICODE => UTF_16LE.decode_without_bom_handling(value).0.into_owned(),
        _ => charset::decode(trimmed(value), Some("gbk")),
    };
    text.trim_end_matches('\0').to_string()
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    &bytes[..end]
}

/// Id, type and first value of each MAPI property, as far as they can be read.
fn properties(data: &[u8]) -> Vec<(u16, u16, &[u8])> {
    let mut from = Cursor(data);
    let count = from.long().unwrap_or(0);
    // A property takes eight bytes and more, so the data's end comes before a count that lies.
    (0..count).map_while(|_| property(&mut from)).collect()
}

fn property<'a>(from: &mut Cursor<'a>) -> Option<(u16, u16, &'a [u8])> {
    let (kind, id) = (from.short()?, from.short()?);
    if id >= 0x8000 {
        from.bytes(16)?;
        match from.long()? {
            0 => drop(from.long()?),
            _ => drop(from.padded()?),
        }
    }
    let (many, kind) = (kind & 0x1000 != 0, kind & 0x0FFF);
    let fixed = match kind {
        0x02 | 0x03 | 0x04 | 0x0A | 0x0B => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        STRING8 | UNICODE | 0x0D | 0x102 => None,
        _ => return None,
    };
    let values = if many || fixed.is_none() {
        from.long()?
    } else {
        1
    };
    let mut first = None;
    for _ in 0..values {
        let value = match fixed {
            Some(length) => from.bytes(length)?,
            None => from.padded()?,
        };
        first = first.or(Some(value));
    }
    Some((id, kind, first.unwrap_or_default()))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    /// A length and so many bytes, filled up to four.
    fn padded(&mut self) -> Option<&'a [u8]> {
        let length = self.long()? as usize;
        let value = self.bytes(length)?;
        self.bytes(self.0.len().min((4 - length % 4) % 4))?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::GBK;
    use proptest::prelude::*;

    fn put(out: &mut Vec<u8>, id: u32, data: &[u8]) {
        out.push(2);
        out.extend(id.to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out.extend([0, 0]);
    }

    fn unicode(id: u16, text: &str) -> Vec<u8> {
        let wide: Vec<u8> = text
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect();
        let mut out = vec![0x1F, 0];
        out.extend(id.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend((wide.len() as u32).to_le_bytes());
        out.extend(&wide);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn winmail() -> Vec<u8> {
        let mut out = SIGNATURE.to_le_bytes().to_vec();
        out.extend([1, 0]);
        let named = [
            &[3u8, 0, 1, 0x80][..],
            &[0; 16],
            &1u32.to_le_bytes(),
            &4u32.to_le_bytes(),
            b"a\0b\0",
            &9u32.to_le_bytes(),
        ];
        let body = [
            2u32.to_le_bytes().to_vec(),
            named.concat(),
            unicode(PLAIN_BODY, "正文。"),
        ]
        .concat();
        put(&mut out, MESSAGE_PROPERTIES, &body);
        put(&mut out, ATTACHMENT_BEGINS, &[0; 14]);
        let short = GBK.encode("活动日~1.TXT\0").0.into_owned();
        put(&mut out, ATTACHMENT_TITLE, &short);
        put(&mut out, ATTACHMENT_DATA, b"abc");
        put(
            &mut out,
            ATTACHMENT_PROPERTIES,
            &[
                1u32.to_le_bytes().to_vec(),
                unicode(LONG_NAME, "活动日报.txt"),
            ]
            .concat(),
        );
        put(&mut out, ATTACHMENT_BEGINS, &[0; 14]);
        put(&mut out, ATTACHMENT_TITLE, &short);
        put(&mut out, ATTACHMENT_DATA, b"defg");
        out
    }

    fn unpacked(bytes: &[u8], body: bool) -> (Vec<(String, usize)>, Result<(), String>) {
        let mut members = Vec::new();
        let outcome = unpack(bytes, body, &mut Budget::default(), &mut |_, member| {
            members.push((member.path, member.bytes.len()));
        });
        (members, outcome)
    }

    #[test]
    fn attachments_have_their_long_names_else_their_short_ones() {
        let names = [
            ("活动日报.txt".to_string(), 3),
            ("活动日~1.TXT".to_string(), 4),
        ];
        assert_eq!(unpacked(&winmail(), false), (names.to_vec(), Ok(())));
    }

    #[test]
    fn the_text_comes_along_where_the_mail_has_none() {
        let (members, _) = unpacked(&winmail(), true);
        assert_eq!(members[0], ("正文.txt".to_string(), "正文。".len()));
    }

    #[test]
    fn what_came_before_the_damage_is_kept() {
        let whole = winmail();
        let (members, outcome) = unpacked(&whole[..whole.len() - 3], false);
        assert_eq!((members.len(), outcome), (2, Err(damaged())));
    }

    proptest! {
        #[test]
        fn damage_is_survived(at in 0usize..300, byte: u8, cut in 0usize..300) {
            let mut bytes = winmail();
            let length = bytes.len();
            bytes[at % length] = byte;
            unpacked(&bytes[..cut % (length + 1)], true).1.ok();
            unpacked(&bytes, true).1.ok();
        }
    }
}
