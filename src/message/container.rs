//! The containers of pictures and videos, as far as they tell whether a file is whole, and what no kept crate reads.

use chrono::{DateTime, FixedOffset};

use super::date;

/// What a container says.
#[derive(Debug, Default, PartialEq)]
pub struct Container {
    /// Pixels; 0 where unknown.
    pub width: u32,
    /// Pixels; 0 where unknown.
    pub height: u32,
    /// In milliseconds.
    pub duration: Option<u64>,
    /// When it was made.
    pub created: Option<DateTime<FixedOffset>>,
    /// Cut off.
    pub damaged: bool,
}

/// Reads MP4 and MOV as far as their boxes, AVI and WMV as far as their heads.
pub fn read(bytes: &[u8]) -> Container {
    match bytes {
        [b'R', b'I', b'F', b'F', ..] => avi(bytes),
        [0x30, 0x26, 0xB2, 0x75, ..] => asf(bytes).unwrap_or_default(),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Container {
            damaged: !has_whole_boxes(bytes),
            ..Container::default()
        },
        _ => Container::default(),
    }
}

/// ISO 14496-12: boxes side by side up to the end, `moov` among them, without which nothing plays.
fn has_whole_boxes(bytes: &[u8]) -> bool {
    let (mut at, mut plays) = (0usize, false);
    while let Some(short) = big(bytes, at) {
        let size = match short {
            0 => bytes.len() - at,
            1 => bytes
                .get(at + 8..at + 16)
                .and_then(|long| usize::try_from(u64::from_be_bytes(long.try_into().ok()?)).ok())
                .unwrap_or(usize::MAX),
            short => short as usize,
        };
        plays |= bytes.get(at + 4..at + 8) == Some(b"moov");
        match at.checked_add(size.max(8)) {
            Some(end) if end <= bytes.len() => at = end,
            _ => return false,
        }
    }
    plays
}

/// The main header stands at a fixed place behind `RIFF`, `LIST` and their sizes.
fn avi(bytes: &[u8]) -> Container {
    let at = |offset: usize| little(bytes, 32 + offset).unwrap_or(0);
    let microseconds = u64::from(at(0)) * u64::from(at(16));
    Container {
        width: at(32),
        height: at(36),
        duration: Some(microseconds / 1000),
        damaged: little(bytes, 4).is_none_or(|size| size as usize > bytes.len()),
        created: None,
    }
}

/// File Properties Object of ASF: sizes, 100 ns since 1601, and the play duration, which includes the preroll.
fn asf(bytes: &[u8]) -> Option<Container> {
    const PROPERTIES: [u8; 16] = [
        0xA1, 0xDC, 0xAB, 0x8C, 0x47, 0xA9, 0xCF, 0x11, 0x8E, 0xE4, 0x00, 0xC0, 0x0C, 0x20, 0x53,
        0x65,
    ];
    const EPOCH: u64 = 11_644_473_600;
    let head = &bytes[..bytes.len().min(64 << 10)];
    let at = head.windows(16).position(|window| window == PROPERTIES)?;
    let long = |offset: usize| {
        let field = bytes.get(at + offset..at + offset + 8)?;
        Some(u64::from_le_bytes(field.try_into().ok()?))
    };
    let seconds = (long(48)? / 10_000_000).saturating_sub(EPOCH);
    let created = DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    Some(Container {
        duration: Some((long(64)? / 10_000).saturating_sub(long(80)?)),
        created: date::in_china(created),
        damaged: long(40)? > bytes.len() as u64,
        ..Container::default()
    })
}

/// Whether a picture reaches its own end. Decoders fill what is missing with grey and say nothing.
pub fn is_whole_picture(bytes: &[u8]) -> bool {
    match bytes {
        [0xFF, 0xD8, ..] => jpeg_ends(bytes).unwrap_or(false),
        [0x89, b'P', b'N', b'G', ..] => bytes.windows(4).any(|window| window == b"IEND"),
        [b'G', b'I', b'F', ..] => bytes.iter().rev().find(|&&byte| byte != 0) == Some(&0x3B),
        [b'R', b'I', b'F', b'F', ..] => {
            little(bytes, 4).is_some_and(|size| size as usize <= bytes.len())
        }
        [b'B', b'M', ..] => little(bytes, 2).is_some_and(|size| size as usize <= bytes.len()),
        _ => true,
    }
}

/// ITU T.81: segments up to the scan, then its data up to the end of the image. A preview inside of a segment has
/// an end of its own, and phones append films behind the image, so neither the first nor the last end will do.
fn jpeg_ends(bytes: &[u8]) -> Option<bool> {
    let mut at = 2;
    loop {
        let (mark, marker) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        at += match (mark, marker) {
            (0xFF, 0xFF) => 1,
            (0xFF, 0xDA) => break,
            (0xFF, _) => {
                2 + usize::from(u16::from_be_bytes([
                    *bytes.get(at + 2)?,
                    *bytes.get(at + 3)?,
                ]))
            }
            _ => return None,
        };
    }
    Some(bytes[at..].windows(2).any(|window| window == [0xFF, 0xD9]))
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_preview_inside_does_not_end_a_photo_and_a_film_behind_does_not_damage_it() {
        let preview = b"\xFF\xD8\xFF\xE1\0\x08\xFF\xD8\xFF\xD9ab\xFF\xDA\0\x02data";
        assert!(!is_whole_picture(preview));
        let film = [&preview[..], b"\xFF\xD9....ftypmp42"].concat();
        assert!(is_whole_picture(&film));
    }

    fn boxes(kinds: &[&[u8; 4]]) -> Vec<u8> {
        let one = |kind: &[u8; 4]| [&12u32.to_be_bytes()[..], kind, b"data"].concat();
        kinds.iter().flat_map(|kind| one(kind)).collect()
    }

    #[test]
    fn a_film_without_its_index_or_its_end_is_damaged() {
        let film = boxes(&[b"ftyp", b"mdat", b"moov"]);
        assert!(!read(&film).damaged);
        assert!(read(&film[..film.len() - 1]).damaged);
        assert!(read(&boxes(&[b"ftyp", b"mdat"])).damaged);
    }

    #[test]
    fn the_head_of_an_avi_tells_its_size_and_length() {
        let mut bytes = b"RIFF\x40\0\0\0AVI LIST\0\0\0\0hdrlavih\x38\0\0\0".to_vec();
        bytes.extend(40_000u32.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend(250u32.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend([640u32.to_le_bytes(), 480u32.to_le_bytes()].concat());
        let own = read(&bytes);
        assert_eq!(
            (own.width, own.height, own.duration, own.damaged),
            (640, 480, Some(10_000), false)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(kind in 0usize..6, tail: Vec<u8>) {
            let heads: [&[u8]; 6] = [b"RIFF", b"\x30\x26\xB2\x75", b"\0\0\0\x0Cftyp", b"\xFF\xD8\xFF", b"\x89PNG", b"BM"];
            let bytes = [heads[kind], &tail].concat();
            read(&bytes);
            is_whole_picture(&bytes);
        }
    }
}
