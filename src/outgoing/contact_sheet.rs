//! Many small pictures on one: four in a row, in the order of their files.

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{GenericImage, ImageFormat, RgbImage, load_from_memory_with_format};

/// Pixels: the side of a place, and the gap around it.
const PLACE: u32 = 240;
const GAP: u32 = 8;
const IN_A_ROW: u32 = 4;
const QUALITY: u8 = 80;

/// A JPEG of the given small JPEGs; one that cannot be read leaves its place empty.
pub fn contact_sheet(pictures: &[Vec<u8>]) -> Result<Vec<u8>> {
    let count = u32::try_from(pictures.len())
        .context("too many pictures")?
        .max(1);
    let columns = count.min(IN_A_ROW);
    let rows = count.div_ceil(IN_A_ROW);
    let side = |places: u32| places * (PLACE + GAP) + GAP;
    let mut sheet = RgbImage::from_pixel(side(columns), side(rows), image::Rgb([255; 3]));
    for (n, bytes) in (0..).zip(pictures) {
        let Ok(picture) = load_from_memory_with_format(bytes, ImageFormat::Jpeg) else {
            continue;
        };
        let small = picture.thumbnail(PLACE, PLACE).to_rgb8();
        let corner = |place: u32, size: u32| side(place) + (PLACE - size) / 2;
        let (column, row) = (n % IN_A_ROW, n / IN_A_ROW);
        sheet.copy_from(
            &small,
            corner(column, small.width()),
            corner(row, small.height()),
        )?;
    }
    let mut bytes = Vec::new();
    sheet.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_pictures_take_two_rows_and_a_broken_one_is_left_out() {
        let mut one = Vec::new();
        RgbImage::from_pixel(320, 200, image::Rgb([200, 0, 0]))
            .write_with_encoder(JpegEncoder::new(&mut one))
            .unwrap();
        let sheet =
            contact_sheet(&[one.clone(), one.clone(), one.clone(), one, vec![1, 2]]).unwrap();
        let sheet = load_from_memory_with_format(&sheet, ImageFormat::Jpeg).unwrap();
        assert_eq!((sheet.width(), sheet.height()), (4 * 248 + 8, 2 * 248 + 8));
    }
}
