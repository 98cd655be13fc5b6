//! Photos and videos: their size upright, when they were taken, how long they run, and whether they are whole.

use std::io::Cursor;
use std::panic::catch_unwind;

use chrono::{DateTime, Datelike, FixedOffset};
use nom_exif::{EntryValue, ExifTag, MediaParser, MediaSource, TrackInfoTag};
use serde::{Deserialize, Serialize};

use super::content::Media;
use super::{container, date, picture};

/// What a photo or video says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// Pixels, turned upright; 0 where unknown.
    pub width: u32,
    /// Pixels, turned upright; 0 where unknown.
    pub height: u32,
    /// Of a video, in milliseconds.
    pub duration: Option<u64>,
    /// Cut off or unreadable.
    pub damaged: bool,
    /// 16 by 16 gradients of the upright picture, in lower case hex: few bits differ between two copies.
    pub fingerprint: Option<String>,
    /// Sha256 of a JPEG of at most 320 pixels, upright; of a video, a frame of it.
    pub thumbnail: Option<String>,
}

/// What the head of a file tells: details without pictures, and when it was taken.
pub fn inspect(media: Media, bytes: &[u8]) -> (Details, Option<DateTime<FixedOffset>>) {
    let inspect = || match media {
        Media::Photo => (photo(bytes), photo_time(bytes)),
        Media::Video => video(bytes),
        _ => Default::default(),
    };
    let (details, moment) = catch_unwind(inspect).unwrap_or_default();
    // Unset clocks and the epochs of containers (1904, 1970) are no times.
    (
        details,
        moment.filter(|moment| (2000..2100).contains(&moment.year())),
    )
}

fn photo(bytes: &[u8]) -> Details {
    let (width, height) = picture::size(bytes).unwrap_or_default();
    Details {
        width,
        height,
        damaged: !container::is_whole_picture(bytes),
        ..Details::default()
    }
}

fn photo_time(bytes: &[u8]) -> Option<DateTime<FixedOffset>> {
    // The parser holds what it has to search through; in a JPEG, EXIF stands in the first segments of 64 kB.
    let longest = match infer::image::is_jpeg(bytes) {
        true => 1 << 20,
        false => bytes.len(),
    };
    let head = &bytes[..bytes.len().min(longest)];
    let source = MediaSource::seekable(Cursor::new(head)).ok()?;
    let exif: nom_exif::Exif = MediaParser::new().parse_exif(source).ok()?.into();
    let tags = [
        ExifTag::DateTimeOriginal,
        ExifTag::CreateDate,
        ExifTag::ModifyDate,
    ];
    tags.into_iter().find_map(|tag| moment(exif.get(tag)?))
}

/// Creation times of MP4 and MOV are UTC by their standard; phones that wrote local time are not told apart.
fn video(bytes: &[u8]) -> (Details, Option<DateTime<FixedOffset>>) {
    let own = container::read(bytes);
    let track = MediaSource::seekable(Cursor::new(bytes))
        .ok()
        .and_then(|source| MediaParser::new().parse_track(source).ok());
    let number = |tag| match track.as_ref()?.get(tag)? {
        EntryValue::U64(value) => Some(*value),
        EntryValue::U32(value) => Some(u64::from(*value)),
        _ => None,
    };
    let pixels = |tag| number(tag).and_then(|value| u32::try_from(value).ok());
    let details = Details {
        width: pixels(TrackInfoTag::Width).unwrap_or(own.width),
        height: pixels(TrackInfoTag::Height).unwrap_or(own.height),
        duration: number(TrackInfoTag::DurationMs)
            .or(own.duration)
            .filter(|&ms| ms > 0),
        damaged: own.damaged,
        ..Details::default()
    };
    let created = track
        .as_ref()
        .and_then(|track| moment(track.get(TrackInfoTag::CreateDate)?));
    (details, created.or(own.created))
}

fn moment(value: &EntryValue) -> Option<DateTime<FixedOffset>> {
    match value.as_datetime() {
        Some(moment) => date::in_china(moment.or_offset(date::china())),
        None => date::parse(value.as_str()?),
    }
}

/// Whether a picture that stands in the text is a logo, an icon or a tracking pixel rather than a photo.
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
    let short = picture::size(bytes).map(|(width, height)| width.min(height));
    let pixel = short.is_some_and(|short| short <= 3);
    let small = bytes.len() < 15_000 && short.is_some_and(|short| short < 200);
    let named = LOGO.iter().any(|word| name.contains(word))
        && (bytes.len() < 30_000 || short.is_some_and(|short| short < 300));
    pixel || small || named
}

/// Width and height in pixels as stored, from the head of the file.
#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::DynamicImage::new_rgb8(width, height);
        picture
            .write_to(
                &mut std::io::Cursor::new(&mut bytes),
                image::ImageFormat::Png,
            )
            .unwrap();
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn small_pictures_and_logos_are_decoration_and_photos_are_not() {
        assert!(is_decoration("image001.png", &png(120, 60, 4000)));
        assert!(is_decoration("logo.png", &png(220, 240, 20_000)));
        assert!(is_decoration("a.png", &png(1, 1, 90)));
        assert!(!is_decoration("image001.png", &png(640, 480, 4000)));
        assert!(!is_decoration("image001.png", &png(120, 60, 40_000)));
    }

    #[test]
    fn rubbish_has_no_time_and_is_damaged() {
        let (details, taken) = inspect(Media::Photo, b"\xFF\xD8\xFF\xE1\0\x10Exif\0\0");
        assert_eq!((details.damaged, taken), (true, None));
        let (details, taken) = inspect(Media::Video, b"\0\0\0\x18ftypmp42");
        assert_eq!((details.damaged, taken), (true, None));
    }
}
