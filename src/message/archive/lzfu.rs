//! Compressed RTF of Outlook ([MS-OXRTFCP]).

/// The dictionary that every stream begins with.
const PRIMER: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW: usize = 4096;
const LIMIT: usize = 16 << 20;

/// The RTF inside; `None` where the stream makes no sense.
pub fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let long =
        |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let (size, kind, data) = (long(4)?, bytes.get(8..12)?, bytes.get(16..)?);
    match kind {
        b"MELA" => data.get(..size.min(data.len())).map(<[u8]>::to_vec),
        b"LZFu" => Some(inflate(data, size.min(LIMIT))),
        _ => None,
    }
}

fn inflate(mut data: &[u8], size: usize) -> Vec<u8> {
    let mut window = [0; WINDOW];
    window[..PRIMER.len()].copy_from_slice(PRIMER);
    let mut at = PRIMER.len();
    let mut out = Vec::new();
    let mut put = |byte: u8, window: &mut [u8; WINDOW], at: &mut usize| {
        window[*at] = byte;
        *at = (*at + 1) % WINDOW;
        out.push(byte);
        out.len() >= size
    };
    while let [control, rest @ ..] = data {
        data = rest;
        for bit in 0..8 {
            match (control >> bit & 1, data) {
                (0, [byte, rest @ ..]) => {
                    data = rest;
                    if put(*byte, &mut window, &mut at) {
                        return out;
                    }
                }
                (1, [high, low, rest @ ..]) => {
                    data = rest;
                    let reference = usize::from(*high) << 8 | usize::from(*low);
                    let (from, length) = (reference >> 4, (reference & 15) + 2);
                    // A reference to the place being written ends the stream.
                    if from == at {
                        return out;
                    }
                    for step in 0..length {
                        let byte = window[(from + step) % WINDOW];
                        if put(byte, &mut window, &mut at) {
                            return out;
                        }
                    }
                }
                _ => return out,
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of [MS-OXRTFCP] section 4.
    #[test]
    fn the_examples_of_the_specification_are_unpacked() {
        let simple = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(
            unpack(simple).unwrap(),
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
        );
        let crossing = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4KQ\x41\0\x04 WXYZ\x0d\x6e\x7d\x01\x0e\xb0";
        assert_eq!(unpack(crossing).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    }

    #[test]
    fn cut_streams_end_early() {
        assert_eq!(unpack(b"short"), None);
        assert_eq!(
            unpack(b"\0\0\0\0\x2b\0\0\0LZFu\0\0\0\0\xff\x00").unwrap(),
            b""
        );
    }
}
