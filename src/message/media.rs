//! Photos and videos: when they were taken, and which pictures are mere decoration.

use std::panic::catch_unwind;

use chrono::{DateTime, Datelike, FixedOffset};
use nom_exif::{EntryValue, ExifTag, MediaParser, MediaSource, TrackInfoTag};

use super::content::Media;
use super::date;

/// When a photo or video says that it was taken; without a zone the time is China's.
pub fn taken_at(media: Media, bytes: &[u8]) -> Option<DateTime<FixedOffset>> {
    let moment = match media {
        Media::Photo => catch_unwind(|| photo_time(bytes)).ok()??,
        Media::Video => catch_unwind(|| video_time(bytes)).ok()??,
        _ => return None,
    };
    // Unset clocks and the epochs of containers (1904, 1970) are no times.
    (2000..2100).contains(&moment.year()).then_some(moment)
}

fn photo_time(bytes: &[u8]) -> Option<DateTime<FixedOffset>> {
    let source = MediaSource::from_memory(bytes.to_vec()).ok()?;
    let exif: nom_exif::Exif = MediaParser::new().parse_exif(source).ok()?.into();
    let tags = [
        ExifTag::DateTimeOriginal,
        ExifTag::CreateDate,
        ExifTag::ModifyDate,
    ];
    tags.into_iter().find_map(|tag| moment(exif.get(tag)?))
}

fn video_time(bytes: &[u8]) -> Option<DateTime<FixedOffset>> {
    let source = MediaSource::from_memory(bytes.to_vec()).ok()?;
    let track = MediaParser::new().parse_track(source).ok()?;
    moment(track.get(TrackInfoTag::CreateDate)?)
}

fn moment(value: &EntryValue) -> Option<DateTime<FixedOffset>> {
    match value.as_datetime() {
        Some(moment) => Some(
            moment
                .or_offset(date::china())
                .with_timezone(&date::china()),
        ),
        None => date::parse(value.as_str()?),
    }
}

/// Whether a picture that stands in the text is a logo or an icon rather than a photo.
pub fn is_decoration(name: &str, bytes: &[u8]) -> bool {
    const LOGO: [&str; 8] = [
        "logo",
        "icon",
        "banner",
        "sign",
        "徽",
        "标志",
        "二维码",
        "qrcode",
    ];
    let name = name.to_lowercase();
    let short = size(bytes).map(|(width, height)| width.min(height));
    let small = bytes.len() < 15_000 && short.is_some_and(|short| short < 200);
    let named = LOGO.iter().any(|word| name.contains(word))
        && (bytes.len() < 30_000 || short.is_some_and(|short| short < 300));
    small || named
}

/// Width and height in pixels, from the head of the file.
fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let little = |at: usize| {
        Some(u32::from(u16::from_le_bytes(
            bytes.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some((big(16)?, big(20)?)),
        [b'G', b'I', b'F', b'8', ..] => Some((little(6)?, little(8)?)),
        [b'B', b'M', ..] => Some((little(18)?, little(22)?)),
        [0xFF, 0xD8, ..] => jpeg_size(bytes),
        _ => None,
    }
}

/// From the first start-of-frame segment (ITU T.81, B.2.2).
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| {
        Some(u32::from(u16::from_be_bytes(
            bytes.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        match marker {
            _ if bytes[at] != 0xFF => return None,
            0xFF => at += 1,
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                return Some((word(at + 7)?, word(at + 5)?));
            }
            _ => at += 2 + word(at + 2)? as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, length: usize) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn small_pictures_and_logos_are_decoration_and_photos_are_not() {
        assert!(is_decoration("image001.png", &png(120, 60, 4000)));
        assert!(is_decoration("logo.png", &png(220, 240, 20_000)));
        assert!(!is_decoration("image001.png", &png(640, 480, 4000)));
        assert!(!is_decoration("image001.png", &png(120, 60, 40_000)));
    }

    #[test]
    fn the_size_of_a_jpeg_stands_in_its_frame() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xFF\xC0\0\x11\x08\x01\xE0\x02\x80";
        assert_eq!(size(jpeg), Some((640, 480)));
        assert_eq!(size(b"\xFF\xD8\xFF\xE0\xFF\xFF"), None);
    }

    #[test]
    fn rubbish_has_no_time() {
        assert_eq!(
            taken_at(Media::Photo, b"\xFF\xD8\xFF\xE1\0\x10Exif\0\0"),
            None
        );
        assert_eq!(taken_at(Media::Video, b"\0\0\0\x18ftypmp42"), None);
    }
}
