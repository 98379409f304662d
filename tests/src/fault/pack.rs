//! Bodies that are packed, rightly or not.

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress};

/// The head of a gzip file (RFC 1952 §2.3).
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Packs bytes with gzip.
pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes.as_ref()).and_then(|()| out.finish()).expect("memory takes all")
}

/// Packs bytes as `deflate` of HTTP is meant: with the frame of zlib.
pub(crate) fn zlib(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes.as_ref()).and_then(|()| out.finish()).expect("memory takes all")
}

/// Packs bytes as `deflate` of HTTP is often misunderstood: without a frame.
pub(crate) fn deflate(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes.as_ref()).and_then(|()| out.finish()).expect("memory takes all")
}

/// Returns the head of a gzip stream that opens a text of JSON, and a block that unpacks to a megabyte of blanks and can be sent
/// again and again.
pub(crate) fn bomb() -> (Vec<u8>, Vec<u8>) {
    let mut compress = Compress::new(Compression::best(), false);
    let mut head = GZIP_HEAD.to_vec();
    head.extend(flushed(&mut compress, b"{\"orders\": ["));
    let blanks = vec![b' '; 1024 * 1024];
    // The first block still has to say what a blank is; from a full flush on each is the same.
    head.extend(flushed(&mut compress, &blanks));
    let block = flushed(&mut compress, &blanks);
    (head, block)
}

/// Packs bytes up to a point from which the stream owes nothing to what came before.
fn flushed(compress: &mut Compress, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    compress.compress_vec(bytes, &mut out, FlushCompress::Full).expect("memory takes all");
    out
}
