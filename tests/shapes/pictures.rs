//! Pictures that claim 60,000 × 60,000, or are large by few bytes.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use super::{Shape, attached, crc32, find};

const SIDE: u32 = 60_000;

/// Every attack by a picture.
pub fn all() -> Vec<Shape> {
    vec![
        attached("png-of-60000", "a.png", &png(), None),
        attached("jpeg-of-60000", "a.jpg", &jpeg(), None),
        attached("jpeg-progressive", "a.jpg", &progressive(8000), None),
        attached("gif-of-60000", "a.gif", &gif(SIDE), None),
        attached("gif-of-19000", "a.gif", &gif(19_000), None),
        attached("bmp-of-60000", "a.bmp", &bmp(), None),
        attached("tiff-of-60000", "a.tif", &tiff(), None),
        attached("webp-of-60000", "a.webp", &webp(), None),
        attached("heic-of-60000", "a.heic", &heic(), None),
        attached(
            "png-large-by-few-bytes",
            "a.png",
            &encoded(15_000, 5_000, ImageFormat::Png),
            None,
        ),
        attached("jpeg-of-endless-segments", "a.jpg", &segments(), None),
    ]
}

fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = DynamicImage::ImageRgb8(RgbImage::new(width, height));
    picture
        .write_to(&mut Cursor::new(&mut bytes), format)
        .unwrap();
    bytes
}

fn png() -> Vec<u8> {
    let mut bytes = encoded(8, 8, ImageFormat::Png);
    bytes[16..20].copy_from_slice(&SIDE.to_be_bytes());
    bytes[20..24].copy_from_slice(&SIDE.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn jpeg() -> Vec<u8> {
    let mut bytes = encoded(8, 8, ImageFormat::Jpeg);
    let frame = find(&bytes, b"\xFF\xC0");
    for at in [frame + 5, frame + 7] {
        bytes[at..at + 2].copy_from_slice(&(SIDE as u16).to_be_bytes());
    }
    bytes
}

/// A progressive JPEG, of which a decoder keeps all coefficients: one bit a block is all that it takes.
fn progressive(side: u16) -> Vec<u8> {
    let mut bytes = b"\xFF\xD8\xFF\xDB\0\x43\0".to_vec();
    bytes.extend([1; 64]);
    bytes.extend(b"\xFF\xC2\0\x11\x08");
    bytes.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    bytes.extend(b"\x03\x01\x11\0\x02\x11\0\x03\x11\0");
    // One code of one bit, for a difference of nothing.
    bytes.extend(b"\xFF\xC4\0\x14\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    bytes.extend(b"\xFF\xDA\0\x0C\x03\x01\0\x02\0\x03\0\0\0\0");
    let blocks = usize::from(side).div_ceil(8).pow(2) * 3;
    bytes.resize(bytes.len() + blocks / 8 + 1, 0);
    bytes.extend(b"\xFF\xD9");
    bytes
}

fn gif(side: u32) -> Vec<u8> {
    let mut bytes = encoded(8, 8, ImageFormat::Gif);
    let side = (side as u16).to_le_bytes();
    let frame = find(&bytes, b",\0\0\0\0\x08\0\x08\0");
    for at in [6, 8, frame + 5, frame + 7] {
        bytes[at..at + 2].copy_from_slice(&side);
    }
    bytes
}

fn bmp() -> Vec<u8> {
    let mut bytes = encoded(8, 8, ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&SIDE.to_le_bytes());
    bytes[22..26].copy_from_slice(&SIDE.to_le_bytes());
    bytes
}

/// Fields of twelve bytes: 256 is the width, 257 the height.
fn tiff() -> Vec<u8> {
    let mut bytes = encoded(8, 8, ImageFormat::Tiff);
    for tag in [256u16, 257] {
        for kind in [3u16, 4] {
            let field = [tag.to_le_bytes(), kind.to_le_bytes(), [1, 0], [0, 0]].concat();
            if let Some(at) = bytes.windows(8).position(|window| window == field) {
                bytes[at + 2] = 4;
                bytes[at + 8..at + 12].copy_from_slice(&SIDE.to_le_bytes());
            }
        }
    }
    bytes
}

/// The extended form, whose canvas has 24 bits a side.
fn webp() -> Vec<u8> {
    let plain = encoded(8, 8, ImageFormat::WebP);
    let side = &(SIDE - 1).to_le_bytes()[..3];
    let canvas = [b"VP8X\x0A\0\0\0\0\0\0\0", side, side].concat();
    let length = (4 + canvas.len() + plain.len() - 12) as u32;
    [
        b"RIFF",
        &length.to_le_bytes()[..],
        b"WEBP",
        &canvas,
        &plain[12..],
    ]
    .concat()
}

/// `ispe` of ISO 23008-12 holds the sides of a picture.
fn heic() -> Vec<u8> {
    let mut bytes = include_bytes!("../files/sideways.heic").to_vec();
    let places: Vec<usize> = (0..bytes.len() - 4)
        .filter(|&at| &bytes[at..at + 4] == b"ispe")
        .collect();
    for at in places {
        bytes[at + 8..at + 12].copy_from_slice(&SIDE.to_be_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&SIDE.to_be_bytes());
    }
    bytes
}

fn segments() -> Vec<u8> {
    [
        b"\xFF\xD8".to_vec(),
        b"\xFF\xE1\0\x08Exif\0\0".repeat(500_000),
    ]
    .concat()
}
