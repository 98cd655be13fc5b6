//! What a picture looks like: an upright thumbnail, and a fingerprint by which copies are known.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageReader, Limits, RgbImage};
use image_hasher::{HashAlg, HasherConfig};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Longer side of a thumbnail, pixels.
const SIDE: u32 = 320;
const QUALITY: u8 = 78;
/// A picture beyond these is not decoded: sides in pixels, memory in bytes.
const LONGEST: u32 = 20_000;
const MEMORY: u64 = 256 << 20;

/// A picture as a reader of a digest sees it.
pub struct Look {
    /// Pixels of the whole picture, upright.
    pub width: u32,
    /// Pixels of the whole picture, upright.
    pub height: u32,
    /// A JPEG.
    pub thumbnail: Vec<u8>,
    /// Lower case hex.
    pub fingerprint: String,
}

/// Decodes a picture; `upright` says that its turning is done already, whatever its EXIF still says.
pub fn look(bytes: &[u8], upright: bool) -> Option<Look> {
    catch_unwind(AssertUnwindSafe(|| decode(bytes, upright))).ok()?
}

fn decode(bytes: &[u8], upright: bool) -> Option<Look> {
    let (whole, orientation) = match infer::image::is_jpeg(bytes) {
        true => jpeg(bytes)?,
        false => other(bytes)?,
    };
    let (width, height) = (whole.width(), whole.height());
    // Small first: turning and hashing then cost next to nothing.
    let mut small = if width.max(height) > SIDE {
        whole.thumbnail(SIDE, SIDE)
    } else {
        whole
    };
    let before = (small.width(), small.height());
    if !upright {
        small.apply_orientation(orientation);
    }
    let turned = before.0 != before.1 && before == (small.height(), small.width());
    let (width, height) = if turned {
        (height, width)
    } else {
        (width, height)
    };
    let small = DynamicImage::ImageRgb8(small.to_rgb8());
    let hasher = HasherConfig::new()
        .hash_alg(HashAlg::DoubleGradient)
        .hash_size(16, 16)
        .preproc_dct();
    let fingerprint = hasher.to_hasher().hash_image(&small);
    let mut thumbnail = Vec::new();
    small
        .write_with_encoder(JpegEncoder::new_with_quality(&mut thumbnail, QUALITY))
        .ok()?;
    Some(Look {
        width,
        height,
        thumbnail,
        fingerprint: fingerprint
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    })
}

/// Width and height in pixels as they are stored, before any turning.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    if !infer::image::is_jpeg(bytes) {
        let reader = ImageReader::new(Cursor::new(bytes));
        return reader.with_guessed_format().ok()?.into_dimensions().ok();
    }
    let (width, height) = jpeg_head(bytes)?.dimensions()?;
    Some((width.try_into().ok()?, height.try_into().ok()?))
}

/// Decodes where the bytes stand: the decoder of `image`, which wraps this one, makes a copy of the whole file first.
fn jpeg_head(bytes: &[u8]) -> Option<JpegDecoder<ZCursor<&[u8]>>> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(LONGEST as usize)
        .set_max_height(LONGEST as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    Some(decoder)
}

fn jpeg(bytes: &[u8]) -> Option<(DynamicImage, Orientation)> {
    let mut decoder = jpeg_head(bytes)?;
    let grey = decoder.input_colorspace()? == ColorSpace::Luma;
    let space = if grey {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    let options = decoder.options().jpeg_set_out_colorspace(space);
    decoder.set_options(options);
    let (width, height) = decoder.dimensions()?;
    if decoder.output_buffer_size()? as u64 > MEMORY {
        return None;
    }
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif));
    let pixels = decoder.decode().ok()?;
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let whole = match grey {
        true => GrayImage::from_raw(width, height, pixels)?.into(),
        false => RgbImage::from_raw(width, height, pixels)?.into(),
    };
    Some((whole, orientation.unwrap_or(Orientation::NoTransforms)))
}

fn other(bytes: &[u8]) -> Option<(DynamicImage, Orientation)> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    // The limits are the decoder's; the picture itself is taken without asking them.
    if decoder.total_bytes() > MEMORY {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    Some((DynamicImage::from_decoder(decoder).ok()?, orientation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb, RgbImage};

    /// A slope from dark to light with a bright square in its upper left corner.
    fn photo(width: u32, height: u32) -> DynamicImage {
        let pixel = |x: u32, y: u32| match (x * 4 < width, y * 4 < height) {
            (true, true) => Rgb([250, 250, 90]),
            _ => Rgb([(x * 200 / width) as u8, (y * 200 / height) as u8, 60]),
        };
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
    }

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture
            .write_to(&mut Cursor::new(&mut bytes), format)
            .unwrap();
        bytes
    }

    /// A JPEG with an EXIF segment that asks to be turned.
    fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut exif =
            b"\xFF\xE1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        [&jpeg[..2], &exif, &jpeg[2..]].concat()
    }

    fn distance(a: &str, b: &str) -> u32 {
        let bits = |text: &str, at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..a.len())
            .step_by(2)
            .map(|at| (bits(a, at) ^ bits(b, at)).count_ones())
            .sum()
    }

    #[test]
    fn every_format_of_the_web_has_a_thumbnail() {
        for format in [
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::Gif,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::WebP,
        ] {
            let look = look(&encoded(&photo(800, 600), format), false).unwrap();
            assert_eq!((look.width, look.height), (800, 600), "{format:?}");
            let small = image::load_from_memory(&look.thumbnail).unwrap();
            assert_eq!((small.width(), small.height()), (320, 240), "{format:?}");
        }
    }

    #[test]
    fn a_photo_taken_sideways_stands_upright_and_only_once() {
        let jpeg = turned(&encoded(&photo(800, 600), ImageFormat::Jpeg), 6);
        let sideways = look(&jpeg, false).unwrap();
        assert_eq!((sideways.width, sideways.height), (600, 800));
        let small = image::load_from_memory(&sideways.thumbnail)
            .unwrap()
            .to_rgb8();
        assert!(
            small.get_pixel(230, 10).0[0] > 200,
            "the bright corner is at the upper right now"
        );
        assert_eq!(look(&jpeg, true).unwrap().width, 800);
    }

    #[test]
    fn a_copy_sent_smaller_has_nearly_the_same_fingerprint() {
        let first = look(&encoded(&photo(800, 600), ImageFormat::Png), false).unwrap();
        let copy = look(
            &encoded(&photo(800, 600).thumbnail(400, 400), ImageFormat::Jpeg),
            false,
        )
        .unwrap();
        let other = look(
            &encoded(&photo(800, 600).rotate180(), ImageFormat::Jpeg),
            false,
        )
        .unwrap();
        assert!(distance(&first.fingerprint, &copy.fingerprint) <= 10);
        assert!(distance(&first.fingerprint, &other.fingerprint) > 30);
    }

    #[test]
    fn a_picture_beyond_all_measure_is_not_decoded() {
        let mut png = encoded(&photo(8, 8), ImageFormat::Png);
        png[16..20].copy_from_slice(&100_000u32.to_be_bytes());
        assert!(look(&png, false).is_none());
        assert!(look(b"\xFF\xD8\xFF", false).is_none());
        let mut gif = encoded(&photo(8, 8), ImageFormat::Gif);
        gif[6..10].copy_from_slice(&[0xFF, 0x4A, 0xFF, 0x4A]);
        assert!(
            look(&gif, false).is_none(),
            "within the sides, but beyond the memory"
        );
    }
}
